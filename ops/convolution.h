// aten::convolution over 1 to 3 spatial dimensions, x [N,C,...], w [O,C/groups,...]:
//   y[n,o,p] = b[o] + sum over c, k of w[o,c,k] * x[n,c, p * stride - padding + k * dilation]
// Transposed, w is [C,O/groups,...] and x is scattered: output p * stride - padding + k * dilation
// takes w[c,o,k] * x[n,c,p].
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"
#include "ops/spatial.h"

namespace portfire::ops::convolution {

// The arguments, for D, H, W; absent dimensions have stride and dilation 1, padding 0.
struct Geometry {
  int spatial = 0;
  int64_t stride[kVolumeDims], padding[kVolumeDims], dilation[kVolumeDims], extra[kVolumeDims];
  int64_t groups = 1;
  bool transposed = false;

  // Along one dimension, tap k joins output o with input i where o * stride + k * dilation is
  // i + padding (transposed: where i * stride + k * dilation is o + padding). For o in [low, high)
  // these are the pairs (o + t * out_step, i + t * in_step), t in [0, count): forward, in_step is the
  // stride and out_step 1; transposed, the other way round.
  struct Pairs {
    int64_t o, i, count;
  };
  Pairs pairs(int d, int64_t tap, int64_t low, int64_t high, int64_t in_size) const;
};
Error read_geometry(const Args& a, Geometry* g);

struct Convolution {
  static constexpr std::string_view schema =
      "aten::convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] "
      "padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> "
      "Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto all = g.all("aten::convolution_backward", g.grad(), g.tensor("input"), g.tensor("weight"), nullptr, g.arg("stride"), g.arg("padding"), g.arg("dilation"),
                     g.arg("transposed"), g.arg("output_padding"), g.arg("groups"), mask_of(g, {"input", "weight", "bias"}));
    g.give("input", all[0]);
    g.give("weight", all[1]);
    g.give("bias", all[2]);
  }
};

struct ConvolutionOverrideable {
  static constexpr std::string_view schema =
      "aten::convolution_overrideable(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, "
      "SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt "
      "groups) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.forward("aten::convolution");
  }
};

struct UnderscoreConvolution {
  static constexpr std::string_view schema =
      "aten::_convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] "
      "padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool "
      "benchmark, bool deterministic, bool cudnn_enabled, bool allow_tf32) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.forward("aten::convolution");
  }
};

struct UnderscoreConvolutionDeprecated {
  static constexpr std::string_view schema =
      "aten::_convolution.deprecated(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, "
      "SymInt[] padding, SymInt[] dilation, bool transposed, int[] output_padding, SymInt groups, "
      "bool benchmark, bool deterministic, bool cudnn_enabled) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.forward("aten::convolution");
  }
};

// Gradients:
//   input   the convolution in the other direction (transposed or not) over grad_output, with the same weight
//   weight  ops/convolution_backward.h
//   bias    grad_output summed over all but its channels
template <class G>
void decompose_backward(G& g) {
  auto grad = g.tensor("grad_output"), x = g.tensor("input"), w = g.tensor("weight");
  const size_t spatial = static_cast<size_t>(x.rank()) - 2;
  const auto stride = g.spatial("stride", spatial, 1), padding = g.spatial("padding", spatial, 0),
             dilation = g.spatial("dilation", spatial, 1);
  const bool transposed = g.boolean("transposed");
  const int64_t groups = g.known_integer("groups");
  const auto& mask = *g.arg("output_mask").list();
  decltype(x) grad_input, grad_weight, grad_bias;

  if (*mask[0].boolean()) {
    auto output_padding = g.sizes(x);
    output_padding.erase(output_padding.begin(), output_padding.begin() + 2);
    for (size_t d = 0; d < spatial; ++d) {
      // What the sizes of a transposed convolution of grad_output leave open.
      auto reach = (g.size(grad, d + 2) - 1) * stride[d] - 2 * padding[d] +
                   (g.size(w, d + 2) - 1) * dilation[d] + 1;
      output_padding[d] = transposed ? output_padding[d] * 0 : output_padding[d] - reach;
    }
    grad_input = g("aten::convolution", grad, w, nullptr, stride, padding, dilation, !transposed,
                   output_padding, groups);
    // Output padding of a stride or more leaves room for inputs that are not there.
    for (size_t d = 0; transposed && d < spatial; ++d)
      if (!same(g.size(grad_input, d + 2), g.size(x, d + 2))) grad_input = g("aten::slice.Tensor", grad_input, d + 2, 0, g.size(x, d + 2));
  }
  if (*mask[1].boolean()) {
    auto kernel = g.sizes(w);
    kernel.erase(kernel.begin(), kernel.begin() + 2);
    // The wide operand is walked with the stride.
    grad_weight = g("portfire::convolution_backward_weight", transposed ? grad : x, transposed ? x : grad, kernel, stride, padding, dilation, groups);
  }
  if (*mask[2].boolean()) {
    std::vector<int64_t> dims{0};
    for (size_t d = 0; d < spatial; ++d) dims.push_back(static_cast<int64_t>(d) + 2);
    grad_bias = g("aten::sum.dim_IntList", grad, dims, false);
  }
  g.results({grad_input, grad_weight, grad_bias});
}

struct ConvolutionBackward {
  static constexpr std::string_view schema =
      "aten::convolution_backward(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? "
      "bias_sizes, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] "
      "output_padding, SymInt groups, bool[3] output_mask) -> (Tensor, Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    decompose_backward(g);
  }
};

struct ConvolutionBackwardOverrideable {
  static constexpr std::string_view schema =
      "aten::convolution_backward_overrideable(Tensor grad_output, Tensor input, Tensor weight, "
      "SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] "
      "output_padding, SymInt groups, bool[3] output_mask) -> (Tensor grad_input, Tensor "
      "grad_weight, Tensor grad_bias)";
  template <class G>
  static void decompose(G& g) {
    decompose_backward(g);
  }
};

using Ops = OpList<Convolution, ConvolutionOverrideable, UnderscoreConvolution,
                   UnderscoreConvolutionDeprecated, ConvolutionBackward,
                   ConvolutionBackwardOverrideable>;

}  // namespace portfire::ops::convolution
