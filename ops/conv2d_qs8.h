// XNNPACK's convolutions on int8, channels last. Sums are integers, times `multipliers` (one for each channel) they are rounded, as in
// ops/linear_qs8.h. Padded places are zero, whatever integer that is. input: i8 [n, h, w, c]; bias: i32 [channels]; padding: top, left,
// bottom, right.
#pragma once

#include "ops/op.h"
#include "ops/packed_conv2d.h"

namespace portfire::ops::conv2d_qs8 {

// weight: [channels, kh, kw, c / groups].
struct Conv2dQs8 {
  static constexpr std::string_view schema =
      "portfire::conv2d_qs8(Tensor input, Tensor weight, Tensor? bias, Tensor multipliers, int input_zero, int zero, int lower, int upper, "
      "int[2] kernel, int[2] stride, int[4] padding, int[2] dilation, int groups) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

// weight: [channels, kh, kw, c / groups], where input element (y, x) goes to (y stride - top + ky dilation, ...).
struct ConvTranspose2dQs8 {
  static constexpr std::string_view schema =
      "portfire::conv_transpose2d_qs8(Tensor input, Tensor weight, Tensor? bias, Tensor multipliers, int input_zero, int zero, int lower, "
      "int upper, int[2] kernel, int[2] stride, int[4] padding, int[2] dilation, int groups, int[2] output_padding) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using packed_conv2d::Window;
// Whether `weight` has one filter of `w` for each channel, of the channels in its group of x's.
Error check_filter(const TensorView& x, const TensorView& weight, const Window& w, int64_t groups);
// Sum over the window at (n, oy, ox) for channel `o`: f(input element, weight element) of those places that are inside.
template <class F>
void for_each_tap(const Window& w, const TensorView& x, const TensorView& weight, int64_t groups, int64_t n, int64_t oy, int64_t ox, int64_t o, F f) {
  const int64_t depth = weight.size(3), first = o / (weight.size(0) / groups) * depth;
  for (int64_t ky = 0; ky < w.kernel[0]; ++ky)
    for (int64_t kx = 0; kx < w.kernel[1]; ++kx) {
      const int64_t y = oy * w.stride[0] - w.padding[0] + ky * w.dilation[0], v = ox * w.stride[1] - w.padding[1] + kx * w.dilation[1];
      if (y < 0 || y >= x.size(1) || v < 0 || v >= x.size(2)) continue;
      const int64_t from = n * x.strides[0] + y * x.strides[1] + v * x.strides[2] + first * x.strides[3];
      const int64_t tap = o * weight.strides[0] + ky * weight.strides[1] + kx * weight.strides[2];
      for (int64_t c = 0; c < depth; ++c) f(from + c * x.strides[3], tap + c * weight.strides[3]);
    }
}

using Ops = OpList<Conv2dQs8, ConvTranspose2dQs8>;

}  // namespace portfire::ops::conv2d_qs8
