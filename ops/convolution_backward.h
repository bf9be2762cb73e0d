// portfire::convolution_backward_weight: the gradient of a convolution's weight, x [N,C,...], d [N,O,...] that of its result:
//   w[o,c,k] = sum over n, p of d[n,o,p] * x[n,c, p * stride - padding + k * dilation]
// x is 0 outside of it. Of a transposed convolution it is the same with x and d exchanged. Sizes of the kernel are given, as
// those of x and d leave them open. The input's gradient is a convolution again (ops/convolution.h).
#pragma once

#include "ops/op.h"
#include "ops/spatial.h"

namespace portfire::ops::convolution_backward {

// The arguments, for D, H, W; absent dimensions have kernel, stride and dilation 1, padding 0.
struct Geometry {
  int spatial = 0;
  int64_t kernel[kVolumeDims], stride[kVolumeDims], padding[kVolumeDims], dilation[kVolumeDims];
  int64_t groups = 1;
};
Error read_geometry(const Args& a, Geometry* g);

struct ConvolutionBackwardWeight {
  static constexpr std::string_view schema =
      "portfire::convolution_backward_weight(Tensor input, Tensor grad_output, SymInt[] kernel_size, SymInt[] stride, SymInt[] padding, SymInt[] dilation, "
      "SymInt groups) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  // The kernel is one of f32.
  template <class G>
  static bool whole(G& g) {
    return g.tensor("input").dtype() == DType::f32;
  }
  // As a convolution: batch and channels exchanged, stride and dilation too; d acts as the weight.
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("input"), d = g.tensor("grad_output");
    const size_t spatial = static_cast<size_t>(x.rank()) - 2;
    const auto stride = g.spatial("stride", spatial, 1), padding = g.spatial("padding", spatial, 0), dilation = g.spatial("dilation", spatial, 1);
    const int64_t groups = g.known_integer("groups");
    const auto kernel = g.ints("kernel_size");
    const auto n = g.size(x, 0);
    // x [N, G*A, ...] -> [A, G*N, ...]; d [N, G*B, ...] -> [G*B, N, ...]
    auto sizes = g.sizes(x);
    const auto each = floor_div(sizes[1], groups);
    sizes[1] = each;
    sizes.insert(sizes.begin() + 1, groups);
    std::vector<int64_t> order{2, 1, 0}, swap{1, 0};
    for (size_t k = 0; k < spatial; ++k) {
      order.push_back(static_cast<int64_t>(k) + 3);
      swap.push_back(static_cast<int64_t>(k) + 2);
    }
    auto split = g.permute(g.reshape(x, sizes), order);
    sizes = g.sizes(split);
    sizes[1] = n * groups;
    sizes.erase(sizes.begin() + 2);
    const std::vector<int64_t> zeros(spatial, 0);
    auto all = g("aten::convolution", g.reshape(split, sizes), g.permute(d, swap), nullptr, dilation, padding, stride, false, zeros, groups);
    // [A, G*B, taps and more] -> [G*B, A, taps]
    auto w = g.permute(all, swap);
    for (size_t k = 0; k < spatial; ++k)
      if (!same(g.size(w, k + 2), kernel[k])) w = g("aten::slice.Tensor", w, k + 2, 0, kernel[k]);
    g.result(w);
  }
};

using Ops = OpList<ConvolutionBackwardWeight>;

}  // namespace portfire::ops::convolution_backward
