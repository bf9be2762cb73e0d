// From files to a `.pte`: import, passes, emission.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compiler/passes/pipeline.h"
#include "core/error.h"

namespace portfire {

struct CompileOptions {
  // Method name and the `.pt2` it comes from; the first is usually "forward".
  std::vector<std::pair<std::string, std::string>> methods;
  std::string output;
  passes::PipelineOptions passes;
};

// On any error nothing is written.
Error compile(const CompileOptions& options);

}  // namespace portfire
