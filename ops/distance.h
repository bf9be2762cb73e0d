// Distances between the rows of matrices: d_ij = ||x_i - y_j||_p.
#pragma once

#include "ops/composite.h"
#include "ops/gradients.h"

namespace portfire::ops::distance {

// Batches broadcast: [..., n, m] and [..., k, m] give [..., n, k].
struct CdistForward {
  static constexpr std::string_view schema =
      "aten::_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("x1"), y = g.tensor("x2"), d = g.grad(), distances = g.value();
    const auto turned = [&](auto t) { return g("aten::transpose.int", t, -2, -1); };
    if (g.wants("x1")) g.give("x1", g("aten::_cdist_backward", d, x, y, g.arg("p"), distances));
    if (g.wants("x2")) g.give("x2", g("aten::_cdist_backward", turned(d), y, x, g.arg("p"), turned(distances)));
  }
};
// The pairs i < j of the rows of one matrix
struct PdistForward {
  static constexpr std::string_view schema = "aten::_pdist_forward(Tensor self, float p=2.) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::_pdist_backward", g.grad(), g.tensor("self"), g.arg("p"), g.value()));
  }
};

// With t = x_i - y_j, of which |t| = d_ij: each element of t has the gradient sign(t) (|t| / d_ij)^(p - 1) of the distance; 0 where
// d_ij is 0, and for t = 0 where p < 1. p = inf: sign(t) where |t| is the greatest. p = 0: 0.
// That of x1, with the sizes of the batch: sum over j of grad_ij times it.
struct CdistBackward {
  static constexpr std::string_view schema =
      "aten::_cdist_backward(Tensor grad, Tensor x1, Tensor x2, float p, Tensor cdist) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};
struct PdistBackward {
  static constexpr std::string_view schema = "aten::_pdist_backward(Tensor grad, Tensor self, float p, Tensor pdist) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};

PF_COMPOSITE(Cdist, "aten::cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor") {
  g.result(g("aten::_cdist_forward", g.tensor("x1"), g.tensor("x2"), g.arg("p"), g.arg("compute_mode")));
}
PF_COMPOSITE(EuclideanDist, "aten::_euclidean_dist(Tensor x1, Tensor x2) -> Tensor") {
  g.result(g("aten::_cdist_forward", g.tensor("x1"), g.tensor("x2"), 2.0, nullptr));
}
PF_COMPOSITE(Pdist, "aten::pdist(Tensor self, float p=2.) -> Tensor") {
  g.result(g("aten::_pdist_forward", g.tensor("self"), g.arg("p")));
}

using Ops = OpList<CdistForward, PdistForward, CdistBackward, PdistBackward, Cdist, EuclideanDist, Pdist>;

}  // namespace portfire::ops::distance
