// Operators that write to arguments, and those that give what is written as results instead (ops/kv_cache.h).
#pragma once

#include <string>
#include <string_view>

#include "compiler/ir/op_info.h"

namespace portfire::import {

// Null where `name` has none.
inline const ir::OpInfo* functional_twin(std::string_view name) { return ir::find_op_info(std::string(name) + ".functional"); }

}  // namespace portfire::import
