// aten::linear: y[..., o] = sum_k x[..., k] * w[o, k] + b[o]. A weight of rank 1 gives no last
// dimension.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::linear {

struct Linear {
  static constexpr std::string_view schema =
      "aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("input"), w = g.tensor("weight"), bias = g.tensor("bias");
    if (w.rank() == 1) {
      auto y = g("aten::matmul", x, w);
      return g.result(bias ? y + bias : y);
    }
    auto sizes = g.sizes(x);
    const auto depth = sizes.back();
    auto rows = depth * 0 + 1;
    for (size_t d = 0; d + 1 < sizes.size(); ++d) rows = rows * sizes[d];
    auto flat = g.reshape(x, {rows, depth}), columns = g.permute(w, {1, 0});
    auto y = bias ? g("aten::addmm", bias, flat, columns) : g("aten::mm", flat, columns);
    sizes.back() = g.size(w, 0);
    g.result(g.reshape(y, sizes));
  }
  template <class G>
  static void gradient(G& g) {
    auto w = g.tensor("weight"), d = g.grad();
    if (w.rank() == 1) {
      auto each = g("aten::unsqueeze", d, -1);
      if (g.wants("input")) g.give("input", each * w);
      if (g.wants("weight")) g.give("weight", each * g.tensor("input"));
      return g.give("bias", d);
    }
    auto all = g.all("aten::linear_backward", g.tensor("input"), d, w, mask_of(g, {"input", "weight", "bias"}));
    g.give("input", all[0]);
    g.give("weight", all[1]);
    g.give("bias", all[2]);
  }
};

struct LinearBackward {
  static constexpr std::string_view schema =
      "aten::linear_backward(Tensor self, Tensor grad_output, Tensor weight, bool[3] output_mask) "
      "-> (Tensor, Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self"), grad = g.tensor("grad_output"), w = g.tensor("weight");
    const auto& mask = *g.arg("output_mask").list();
    auto flatten = [&](auto t) {
      auto rows = g.size(t, -1) * 0 + 1;
      for (int d = 0; d + 1 < t.rank(); ++d) rows = rows * g.size(t, d);
      return g.reshape(t, {rows, g.size(t, -1)});
    };
    decltype(x) grad_input, grad_weight, grad_bias;
    if (*mask[0].boolean()) grad_input = g("aten::matmul", grad, w);
    if (*mask[1].boolean())
      grad_weight = g("aten::mm", g.permute(flatten(grad), {1, 0}), flatten(x));
    if (*mask[2].boolean())
      grad_bias = g("aten::sum.dim_IntList", flatten(grad), std::vector<int64_t>{0}, false);
    g.results({grad_input, grad_weight, grad_bias});
  }
};

using Ops = OpList<Linear, LinearBackward>;

}  // namespace portfire::ops::linear
