// portfire::inverted_residual: a depthwise convolution with the dense convolutions around it, channels last, so that a
// kernel can carry a few rows at a time through all of them (Sandler and others, "MobileNetV2: Inverted Residuals and
// Linear Bottlenecks", 2018):
//   y = project(depthwise(expand(input)))
// expand: as portfire::packed_conv2d, without a residual; None: the input itself. depthwise: as portfire::depthwise_conv2d.
// project: as portfire::packed_conv2d with a 1 x 1 kernel, stride 1, no padding; None: y is what depthwise gives. At least
// one of the two is there; residual, of y's shape, only beside `project`.
#pragma once

#include "ops/op.h"
#include "ops/packed_conv2d.h"

namespace portfire::ops::inverted_residual {

// The arguments in order, and the shapes between the stages. Tensors are those of the call.
struct Stages {
  const TensorView *input, *expand, *depthwise, *project;  // expand and project may be null
  packed_conv2d::Window expand_window, window;
  packed_conv2d::Finish expand_finish, finish, project_finish;
  TensorSpec expanded, middle, out;  // where there is no expand, `expanded` is the input's
};
Error read_stages(const Args& a, Stages* s);

// Rows of `middle` that a kernel makes at a time, so that they and the rows of `expanded` that they need stay in L2; and how
// many rows of `expanded` those are.
struct Strip {
  int64_t rows, expanded_rows;
};
Strip choose_strip(const packed_conv2d::Window& w, int64_t expanded_height, int64_t expanded_width, int64_t middle_height, int64_t middle_width,
                   int64_t channels);

struct InvertedResidual {
  static constexpr std::string_view schema =
      "portfire::inverted_residual(Tensor input, Tensor? expand, Tensor? expand_bias, Tensor depthwise, Tensor? depthwise_bias, "
      "Tensor? project, Tensor? project_bias, Tensor? residual, int expand_channels, int[2] expand_kernel, int[2] expand_stride, "
      "int[4] expand_padding, int[2] expand_dilation, str expand_activation, float expand_low, float expand_high, int[2] kernel, "
      "int[2] stride, int[4] padding, int[2] dilation, str activation, float low, float high, int project_channels, "
      "str project_activation, float project_low, float project_high) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};

using Ops = OpList<InvertedResidual>;

}  // namespace portfire::ops::inverted_residual
