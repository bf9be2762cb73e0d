// aten::im2col, col2im: the windows of an image as columns, and columns summed back into an image.
#pragma once

#include "ops/op.h"

namespace portfire::ops::im2col {

// [N,C,H,W] or [C,H,W] -> [N, C * kh * kw, windows]: columns_{(c, i, j), (y, x)} =
// image_{c, y * stride + i * dilation - padding, x * stride + j * dilation - padding}, 0 outside.
struct Im2col {
  static constexpr std::string_view schema =
      "aten::im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
// The transpose of im2col: windows that overlap add up.
struct Col2im {
  static constexpr std::string_view schema =
      "aten::col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, "
      "int[2] stride) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<Im2col, Col2im>;

}  // namespace portfire::ops::im2col
