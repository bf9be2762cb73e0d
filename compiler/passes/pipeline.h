// The passes in the order of running, and the driver that runs, times, verifies and dumps them.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/verify.h"
#include "compiler/passes/passes.h"

namespace portfire::passes {

struct Pass {
  const char* name;
  Result<Graph> (*run)(Graph);
  ir::Stage stage;  // of what it gives
  std::optional<Precision> precision = std::nullopt;  // runs for this one only
  std::optional<Target> target = std::nullopt;        // likewise
  bool xnnpack = false;                               // runs where that delegate is wanted
};

std::span<const Pass> pipeline();
// Null where there is none of that name.
const Pass* find_pass(std::string_view name);

#if defined(PORTFIRE_SANITIZE) || !defined(NDEBUG)
inline constexpr bool kVerifyByDefault = true;
#else
inline constexpr bool kVerifyByDefault = false;
#endif

struct PipelineOptions {
  Precision precision = Precision::f32;
  Target target = Target::native;
  bool xnnpack = false;               // of ExecuTorch: what its XNNPACK delegate takes is delegated
  std::string dump_dir;               // empty: no dumps. 00-import.txt, 01-decompose.txt, ...
  std::vector<std::string> disabled;  // names of passes to leave out
  bool report_times = false;          // to stderr
  bool verify = kVerifyByDefault;     // what each pass gives (compiler/ir/verify.h)
  // What becomes of the graph before `recompose`, while its operators are still ATen's: differentiation, say. May be empty.
  std::function<Result<Graph>(Graph)> transform;
};

// The name under which the importer's graph is dumped.
inline constexpr const char* kImport = "import";
// What a graph that stands after `pass` (or "import") promises. Code::bad_file where there is none.
Result<ir::Stage> stage_after(const std::string& pass);

// Runs what comes after the pass `after`: all of it on a graph from the importer, the rest on a dump.
Result<Graph> run_pipeline(Graph graph, const PipelineOptions& options, const std::string& after = kImport);

}  // namespace portfire::passes
