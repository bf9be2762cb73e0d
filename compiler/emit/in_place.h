// Where a result may lie in the memory of an operand.
#pragma once

#include <string_view>

#include "compiler/emit/lower.h"

namespace portfire::emit {

// Whether the result of a call may lie where its operand `k` lay: each element is read before it is written.
inline bool in_place(const Instruction& i, size_t k) {
  const std::string_view op = i.op->name;
  if (op.starts_with("portfire::pointwise")) return true;
  return k == 0 && (op == "aten::slice_scatter" || op == "aten::select_scatter");
}

}  // namespace portfire::emit
