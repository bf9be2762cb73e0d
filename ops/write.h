// portfire::write: stores `source` into the memory of `target`, broadcast and converted. How a program
// updates its state, its inputs and the slots of a loop's results. It has no result of its own.
#pragma once

#include "ops/op.h"

namespace portfire::ops::write {

struct Write {
  static constexpr std::string_view schema = "portfire::write(Tensor(a!) target, Tensor source) -> ()";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<Write>;

}  // namespace portfire::ops::write
