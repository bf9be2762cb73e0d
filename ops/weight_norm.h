// aten::_weight_norm: w = v * g / |v|, the norm taken over all dimensions but `dim` (-1: over all).
#pragma once

#include "ops/op.h"

namespace portfire::ops::weight_norm {

struct WeightNorm {
  static constexpr std::string_view schema =
      "aten::_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto v = g.tensor("v");
    g.result(v * (g.tensor("g") / g("aten::norm_except_dim", v, 2, g.arg("dim"))));
  }
};

// Gives the norm as well.
struct WeightNormInterface {
  static constexpr std::string_view schema =
      "aten::_weight_norm_interface(Tensor v, Tensor g, int dim=0) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto v = g.tensor("v"), norm = g("aten::norm_except_dim", v, 2, g.arg("dim"));
    g.results({v * (g.tensor("g") / norm), norm});
  }
};

using Ops = OpList<WeightNorm, WeightNormInterface>;

}  // namespace portfire::ops::weight_norm
