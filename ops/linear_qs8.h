// portfire::linear_qs8: XNNPACK's fully connected layer on int8. The sum over k of (x - input_zero) w, and the bias, are integers; times
// `multipliers` [n] (scale of x, of w's row, over the result's) they are rounded to the result. x: i8 [..., k], weight: i8 [n, k],
// bias: i32 [n].
#pragma once

#include "ops/op.h"

namespace portfire::ops::linear_qs8 {

struct LinearQs8 {
  static constexpr std::string_view schema =
      "portfire::linear_qs8(Tensor input, Tensor weight, Tensor? bias, Tensor multipliers, int input_zero, int zero, int lower, int upper) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<LinearQs8>;

}  // namespace portfire::ops::linear_qs8
