// The passes in the order of running, and the driver that runs, times and dumps them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "compiler/passes/passes.h"

namespace portfire::passes {

struct Pass {
  const char* name;
  Result<Graph> (*run)(Graph);
};

std::span<const Pass> pipeline();

struct PipelineOptions {
  std::string dump_dir;               // empty: no dumps. 00-import.txt, 01-decompose.txt, ...
  std::vector<std::string> disabled;  // names of passes to leave out
  bool report_times = false;          // to stderr
};

// Runs all passes on what the importer gave.
Result<Graph> run_pipeline(Graph graph, const PipelineOptions& options);

}  // namespace portfire::passes
