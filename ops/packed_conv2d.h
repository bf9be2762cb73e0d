// Convolutions in channels-last order with prepacked weights: what `aten::convolution` with constant
// weights becomes. input: [n, h, w, c]; result: [n, oh, ow, channels], oh = (h + top + bottom -
// dilation (kernel - 1) - 1) / stride + 1. padding: top, left, bottom, right; padded places are 0.
// Then + bias [channels], + residual (of the result's shape), then the activation: as in
// ops/packed_linear.h, or "clamp" to [low, high].
#pragma once

#include "ops/op.h"

namespace portfire::ops::packed_conv2d {

// Arguments that both operators share, in the order kernel, stride, padding, dilation.
struct Window {
  int64_t kernel[2], stride[2], padding[4], dilation[2];
};
Error read_window(const Args& a, size_t first, Window* out);
// Output height and width.
Error output_size(const Window& w, const TensorView& input, int64_t* height, int64_t* width);

// What follows the sums: see above.
struct Finish {
  const TensorView *bias, *residual;  // or null
  std::string_view activation;
  double low, high;
};
// The two convolutions below, their arguments apart: shapes, and the computation itself.
Error infer_packed(const TensorView& x, const TensorView& packed, int64_t channels, const Window& w, const Finish& f, TensorSpec* out);
Error infer_depthwise(const TensorView& x, const TensorView& weight, const Window& w, const Finish& f, TensorSpec* out);
void convolve_packed(const TensorView& x, const TensorView& packed, const Window& w, const Finish& f, const TensorView& out);
void convolve_depthwise(const TensorView& x, const TensorView& weight, const Window& w, const Finish& f, const TensorView& out);

// packed: kh * kw * c x channels, in one of the forms of ops/panels.h.
struct PackedConv2d {
  static constexpr std::string_view schema =
      "portfire::packed_conv2d(Tensor input, Tensor packed, Tensor? bias, Tensor? residual, int channels, int[2] kernel, "
      "int[2] stride, int[4] padding, int[2] dilation, str activation, float low, float high) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

// One filter for each channel. weight: [kh * kw, c].
struct DepthwiseConv2d {
  static constexpr std::string_view schema =
      "portfire::depthwise_conv2d(Tensor input, Tensor weight, Tensor? bias, int[2] kernel, int[2] stride, int[4] padding, "
      "int[2] dilation, str activation, float low, float high) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

// Largest element of each window; NaN wins. Padded places do not take part.
struct MaxPool2d {
  static constexpr std::string_view schema =
      "portfire::max_pool2d(Tensor input, int[2] kernel, int[2] stride, int[4] padding, int[2] dilation) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<PackedConv2d, DepthwiseConv2d, MaxPool2d>;

}  // namespace portfire::ops::packed_conv2d
