// Writing `.pte` files.
#pragma once

#include <string>
#include <vector>

#include "compiler/emit/lower.h"
#include "compiler/emit/plan_memory.h"

namespace portfire::emit {

struct EmitMethod {
  Lowered program;
  MemoryPlan memory;
};

// Writes aside and renames: `path` is either complete or as it was. Weights that methods share are
// written once. Errors (Code::io) name the path and what the system said.
Error write_pte(const std::vector<EmitMethod>& methods, const std::string& path);

}  // namespace portfire::emit
