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

// Receives the bytes of a file from its first to its last.
using Sink = std::function<Error(const void* data, size_t bytes)>;
// Weights that methods share are written once. Errors are the sink's; throws Refusal at what the format cannot hold.
Error write_pte(const std::vector<EmitMethod>& methods, const Sink& sink);

}  // namespace portfire::emit
