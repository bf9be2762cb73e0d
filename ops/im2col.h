// aten::im2col, col2im: the windows of an image as columns, and columns summed back into an image.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::im2col {

// [N,C,H,W] or [C,H,W] -> [N, C * kh * kw, windows]: columns_{(c, i, j), (y, x)} =
// image_{c, y * stride + i * dilation - padding, x * stride + j * dilation - padding}, 0 outside.
struct Im2col {
  static constexpr std::string_view schema =
      "aten::im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    g.give("self", g("aten::col2im", g.grad(), std::vector<typename G::Int>{g.size(x, -2), g.size(x, -1)}, g.arg("kernel_size"), g.arg("dilation"), g.arg("padding"), g.arg("stride")));
  }
};
// The transpose of im2col: windows that overlap add up.
struct Col2im {
  static constexpr std::string_view schema =
      "aten::col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, "
      "int[2] stride) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::im2col", g.grad(), g.arg("kernel_size"), g.arg("dilation"), g.arg("padding"), g.arg("stride")));
  }
};

using Ops = OpList<Im2col, Col2im>;

}  // namespace portfire::ops::im2col
