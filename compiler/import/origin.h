// Where a node comes from, out of the stack trace text that torch.export keeps.
#pragma once

#include <string_view>

#include "compiler/ir/graph.h"

namespace portfire::import {

// The innermost line outside torch itself ("model.py:41"), the module path, the source line.
ir::Origin parse_origin(std::string_view stack_trace, std::string_view module_stack);

}  // namespace portfire::import
