// From files to a `.pte`: import, passes, emission.
#pragma once

#include <cstddef>
#include <span>
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

// The same in memory: the bytes of a `.pt2` to those of a `.pte` with one method, "forward".
Result<std::vector<std::byte>> compile_bytes(std::span<const std::byte> archive);

}  // namespace portfire
