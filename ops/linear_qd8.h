// Layers whose input is quantized when they run, as XNNPACK's qd8 kernels have it: each row, or image, of x gets a scale and a zero
// point of its own (ops/requantize.h) and becomes int8; products are integers, their sums are scaled back to f32.
#pragma once

#include "ops/op.h"
#include "ops/packed_conv2d.h"

namespace portfire::ops::linear_qd8 {

// y = scale of the row * sum over groups of (scales[n, g] * sum (q - zero) w) + bias. input: f32 [..., k]. weight: i8 [n, k], or u8
// [n, (k + 1) / 2] with two numbers a byte, the lower half first, 8 above what they mean. scales: [n] or [n, groups], f32 or bf16;
// groups divide k. bias: f32 [n].
struct LinearQd8 {
  static constexpr std::string_view schema = "portfire::linear_qd8(Tensor input, Tensor weight, Tensor? bias, Tensor scales) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

// The same for windows of images, channels last: input f32 [n, h, w, c], weight i8 [channels, kh, kw, c / groups], scales and bias
// f32 [channels], padding top, left, bottom, right.
struct Conv2dQd8 {
  static constexpr std::string_view schema =
      "portfire::conv2d_qd8(Tensor input, Tensor weight, Tensor? bias, Tensor scales, int[2] kernel, int[2] stride, int[4] padding, "
      "int[2] dilation, int groups) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<LinearQd8, Conv2dQd8>;

}  // namespace portfire::ops::linear_qd8
