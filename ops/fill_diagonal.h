// aten::fill_diagonal_: `fill_value` where all indices are equal. With `wrap`, a matrix taller than
// wide starts a new diagonal below each, one row apart.
#pragma once

#include <string>

#include "ops/op.h"

namespace portfire::ops::fill_diagonal {

struct FillDiagonal {
  static constexpr std::string_view schema =
      "aten::fill_diagonal(Tensor self, Scalar fill_value, bool wrap=False) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    if (x.rank() < 2) g.reject("fill_diagonal_ of rank " + std::to_string(x.rank()));
    auto row = g("aten::arange", g.size(x, 0), DType::i64);
    for (int d = 1; d < x.rank(); ++d) row = g("aten::unsqueeze", row, -1);
    if (g.boolean("wrap") && x.rank() == 2)
      row = g("aten::remainder.Scalar", row, g.size(x, 1) + 1);
    decltype(x) diagonal;
    for (int d = 1; d < x.rank(); ++d) {
      auto index = g("aten::arange", g.size(x, d), DType::i64);
      for (int after = d + 1; after < x.rank(); ++after) index = g("aten::unsqueeze", index, -1);
      auto equal = g("aten::eq.Tensor", row, index);
      diagonal = diagonal ? g("aten::logical_and", diagonal, equal) : equal;
    }
    g.result(g.cast(g.where(diagonal, g.arg("fill_value"), x), x.dtype()));
  }
};

using Ops = OpList<FillDiagonal>;

}  // namespace portfire::ops::fill_diagonal
