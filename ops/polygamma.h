// aten::polygamma: the n-th derivative of digamma, psi_n(x) = (-1)^(n + 1) n! zeta(n + 1, x); psi_0 = digamma.
#pragma once

#include "ops/composite.h"
#include "ops/op.h"

namespace portfire::ops::polygamma {

struct Polygamma {
  static constexpr std::string_view schema = "aten::polygamma(int n, Tensor self) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g.grad() * g("aten::polygamma", g.known_integer("n") + 1, g.tensor("self")));
  }
};
PF_ALIAS(SpecialPolygamma, "aten::special_polygamma(int n, Tensor self) -> Tensor", "aten::polygamma")

using Ops = OpList<Polygamma, SpecialPolygamma>;

}  // namespace portfire::ops::polygamma
