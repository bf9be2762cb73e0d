// aten::unique and its kin: each value once, by sorting or as they come; how often it occurs, and which
// of the values each element is. The number of values depends on data.
#pragma once

#include "ops/op.h"

namespace portfire::ops::unique {

template <class G>
struct Groups {
  typename G::Tensor values, inverse, counts;
};

// Groups of equal neighbours in the list x, which has at least one item.
template <class G>
Groups<G> neighbours(G& g, typename G::Tensor x) {
  auto later = g("aten::slice.Tensor", x, 0, 1), earlier = g("aten::slice.Tensor", x, 0, 0, -1);
  auto starts = g("aten::cat", std::vector<typename G::Tensor>{g.full({1}, true, DType::boolean), g("aten::ne.Tensor", later, earlier)});
  auto first = g("aten::select.int", g("aten::nonzero", starts), 1, 0);  // where each group begins
  auto ends = g("aten::cat", std::vector<typename G::Tensor>{g("aten::slice.Tensor", first, 0, 1),
                                                             g.reshape(g.scalar_tensor(g.numel(x), DType::i64), {1})});
  return {g("aten::index_select", x, 0, first), g("aten::cumsum", g.cast(starts, DType::i64), 0) - 1, ends - first};
}

template <class G>
Groups<G> by_sorting(G& g) {
  auto x = g.tensor("self");
  auto sorted = g.all("aten::sort", g.reshape(x, {g.numel(x)}), 0, false);
  auto groups = neighbours(g, sorted[0]);
  auto none = g.full({g.numel(x)}, 0, DType::i64);
  groups.inverse = g.reshape(g("aten::scatter.src", none, 0, sorted[1], groups.inverse), g.sizes(x));
  return groups;
}
template <class G>
typename G::Tensor none(G& g) {
  return g.full({0}, 0, DType::i64);
}

struct Unique2 {
  static constexpr std::string_view schema =
      "aten::_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> "
      "(Tensor, Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    const auto u = by_sorting(g);
    g.results({u.values, g.boolean("return_inverse") ? u.inverse : none(g), g.boolean("return_counts") ? u.counts : none(g)});
  }
};
struct Unique {
  static constexpr std::string_view schema =
      "aten::_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    const auto u = by_sorting(g);
    g.results({u.values, g.boolean("return_inverse") ? u.inverse : none(g)});
  }
};
struct UniqueConsecutive {
  static constexpr std::string_view schema =
      "aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> "
      "(Tensor, Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    if (!g.none("dim") && x.rank() != 1) g.refuse("unique slices");
    const auto u = neighbours(g, g.reshape(x, {g.numel(x)}));
    g.results({u.values, g.boolean("return_inverse") ? g.reshape(u.inverse, g.sizes(x)) : none(g),
               g.boolean("return_counts") ? u.counts : none(g)});
  }
};

using Ops = OpList<Unique2, Unique, UniqueConsecutive>;

}  // namespace portfire::ops::unique
