// Distances between the rows of matrices: d_ij = ||x_i - y_j||_p.
#pragma once

#include "ops/composite.h"

namespace portfire::ops::distance {

// Batches broadcast: [..., n, m] and [..., k, m] give [..., n, k].
struct CdistForward {
  static constexpr std::string_view schema =
      "aten::_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};
// The pairs i < j of the rows of one matrix
struct PdistForward {
  static constexpr std::string_view schema = "aten::_pdist_forward(Tensor self, float p=2.) -> Tensor";
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

using Ops = OpList<CdistForward, PdistForward, Cdist, EuclideanDist, Pdist>;

}  // namespace portfire::ops::distance
