// Writing `.pte` files.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/emit/lower.h"
#include "compiler/emit/plan_memory.h"

namespace portfire::emit {

struct EmitMethod {
  Lowered program;
  MemoryPlan memory;
};
struct EmitProgram {
  std::vector<EmitMethod> methods;
  SharedState state;
  // As ExecuTorch's own: nothing of ours in it.
  bool executorch() const { return !methods.empty() && methods[0].program.executorch; }
};

// Receives the bytes of a file from its first to its last.
using Sink = std::function<Error(const void* data, size_t bytes)>;
Error write_pte(const EmitProgram& program, const Sink& sink);

// Writes aside and renames: `path` is either complete or as it was. Weights that methods share are
// written once. Errors (Code::io) name the path and what the system said.
Error write_pte(const EmitProgram& program, const std::string& path);

}  // namespace portfire::emit
