// aten::cat, stack and their kin: tensors joined along a dimension.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::cat {

// Tensors of shape [0] have no say in the sizes, as in PyTorch.
struct Cat {
  static constexpr std::string_view schema = "aten::cat(Tensor[] tensors, int dim=0) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    const auto list = g.tensors("tensors");
    std::vector<typename G::Tensor> parts;
    typename G::Int from = 0;
    for (auto t : list) {
      if (t.rank() == 1 && g.grad().rank() != 1) {  // an empty one of the old kind
        parts.emplace_back();
        continue;
      }
      const int64_t dim = g.dim("dim", t.rank());
      const auto end = from + g.size(t, dim);
      parts.push_back(g("aten::slice.Tensor", g.grad(), dim, from, end));
      from = end;
    }
    g.give("tensors", parts);
  }
};

// Along a new dimension.
struct Stack {
  static constexpr std::string_view schema = "aten::stack(Tensor[] tensors, int dim=0) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    auto list = g.tensors("tensors");
    const int64_t dim = g.dim("dim", list.at(0).rank() + 1);
    for (auto& t : list) t = g("aten::unsqueeze", t, dim);
    g.result(g("aten::cat", list, dim));
  }
};

// x with at least `rank` dimensions; new ones come at the front, but for the last of three.
template <class G>
typename G::Tensor at_least(G& g, typename G::Tensor x, int rank) {
  if (x.rank() >= rank) return x;
  if (rank == 3 && x.rank() == 2) return g("aten::unsqueeze", x, 2);
  std::vector<typename G::Int> sizes = g.sizes(x);
  while (static_cast<int>(sizes.size()) < (rank == 3 ? 2 : rank)) sizes.insert(sizes.begin(), 1);
  if (rank == 3) sizes.push_back(1);
  return g.reshape(x, sizes);
}
template <class G>
std::vector<typename G::Tensor> at_least(G& g, int rank) {
  auto list = g.tensors("tensors");
  for (auto& t : list) t = at_least(g, t, rank);
  return list;
}
template <class G>
void column_stack(G& g) {
  auto list = g.tensors("tensors");
  for (auto& t : list)
    if (t.rank() < 2) t = g.reshape(t, {g.numel(t), 1});
  g.result(g("aten::cat", list, 1));
}
template <class G>
void hstack(G& g) {
  auto list = at_least(g, 1);
  g.result(g("aten::cat", list, list.at(0).rank() == 1 ? 0 : 1));
}

#define PF_JOIN(type, schema_text, ...)                  \
  struct type {                                          \
    static constexpr std::string_view schema = schema_text; \
    template <class G>                                   \
    static void decompose(G& g) {                        \
      __VA_ARGS__;                                       \
    }                                                    \
  };
PF_JOIN(Concat, "aten::concat(Tensor[] tensors, int dim=0) -> Tensor", g.forward("aten::cat"))
PF_JOIN(Concatenate, "aten::concatenate(Tensor[] tensors, int dim=0) -> Tensor", g.forward("aten::cat"))
PF_JOIN(StackInner, "aten::_stack(Tensor[] tensors, int dim=0) -> Tensor", g.forward("aten::stack"))
PF_JOIN(Hstack, "aten::hstack(Tensor[] tensors) -> Tensor", hstack(g))
PF_JOIN(Vstack, "aten::vstack(Tensor[] tensors) -> Tensor", g.result(g("aten::cat", at_least(g, 2), 0)))
PF_JOIN(RowStack, "aten::row_stack(Tensor[] tensors) -> Tensor", g.result(g("aten::cat", at_least(g, 2), 0)))
PF_JOIN(Dstack, "aten::dstack(Tensor[] tensors) -> Tensor", g.result(g("aten::cat", at_least(g, 3), 2)))
PF_JOIN(ColumnStack, "aten::column_stack(Tensor[] tensors) -> Tensor", column_stack(g))
#define PF_AT_LEAST(n)                                                                                           \
  PF_JOIN(Atleast##n, "aten::atleast_" #n "d(Tensor self) -> Tensor", g.result(at_least(g, g.tensor("self"), n))) \
  PF_JOIN(Atleast##n##Sequence, "aten::atleast_" #n "d.Sequence(Tensor[] tensors) -> Tensor[]",                  \
          g.results(at_least(g, n)))
PF_AT_LEAST(1)
PF_AT_LEAST(2)
PF_AT_LEAST(3)
#undef PF_AT_LEAST

// Sequences [L_i, ..] of different length padded to the longest: [N, L, ..], or [L, N, ..].
template <class G>
void pad_sequence(G& g) {
  auto list = g.tensors("sequences");
  const bool left = g.string("padding_side") == "left";
  typename G::Int longest = 0;
  for (auto t : list) longest = max(longest, g.size(t, 0));
  for (auto& t : list) {
    std::vector<typename G::Int> pad(2 * t.rank(), 0);
    pad[pad.size() - (left ? 2 : 1)] = longest - g.size(t, 0);
    t = g("aten::constant_pad_nd", t, pad, g.arg("padding_value"));
  }
  g.result(g("aten::stack", list, g.boolean("batch_first") ? 0 : 1));
}
PF_JOIN(PadSequence,
        "aten::pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., "
        "str padding_side=\"right\") -> Tensor",
        pad_sequence(g))

// Each tensor padded with zeros along dim to `num_chunks` equal chunks; chunks side by side, flattened
// from dim on: [.., num_chunks, sum of their elements].
template <class G>
void chunk_cat(G& g) {
  auto list = g.tensors("tensors");
  const int64_t dim = g.dim("dim", list.at(0).rank()), chunks = g.known_integer("num_chunks");
  for (auto& t : list) {
    auto n = g.size(t, dim), each = floor_div(n + (chunks - 1), chunks);
    std::vector<typename G::Int> pad(2 * (t.rank() - dim), 0);
    pad.back() = each * chunks - n;
    t = g("aten::constant_pad_nd", t, pad);
    std::vector<typename G::Int> sizes;
    typename G::Int rest = each;
    for (int64_t d = 0; d < dim; ++d) sizes.push_back(g.size(t, d));
    for (int64_t d = dim + 1; d < t.rank(); ++d) rest = rest * g.size(t, d);
    sizes.push_back(chunks);
    sizes.push_back(rest);
    t = g.reshape(t, sizes);
  }
  g.result(g("aten::cat", list, dim + 1));
}
PF_JOIN(ChunkCat, "aten::_chunk_cat(Tensor[] tensors, int dim, int num_chunks) -> Tensor", chunk_cat(g))

// Tensor i varies along dimension i; "xy" swaps the first two dimensions.
template <class G>
void meshgrid(G& g, bool swap) {
  auto list = g.tensors("tensors");
  const int n = static_cast<int>(list.size());
  std::vector<typename G::Int> sizes;
  for (auto t : list) sizes.push_back(g.numel(t));
  for (int i = 0; i < n; ++i) {
    std::vector<typename G::Int> own(n, 1);
    own[i] = sizes[i];
    list[i] = g("aten::expand", g.reshape(list[i], own), sizes);
    if (swap && n > 1) list[i] = g("aten::transpose.int", list[i], 0, 1);
  }
  g.results(list);
}
PF_JOIN(Meshgrid, "aten::meshgrid(Tensor[] tensors) -> Tensor[]", meshgrid(g, false))
PF_JOIN(MeshgridIndexing, "aten::meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]",
        meshgrid(g, g.string("indexing") == "xy"))

// All tuples of one item of each tensor.
template <class G>
void cartesian_prod(G& g) {
  auto list = g.tensors("tensors");
  if (list.size() == 1) return g.result(list[0]);
  auto grids = g.all("aten::meshgrid", list);
  for (auto& t : grids) t = g.reshape(t, {g.numel(t)});
  g.result(g("aten::stack", grids, 1));
}
PF_JOIN(CartesianProd, "aten::cartesian_prod(Tensor[] tensors) -> Tensor", cartesian_prod(g))

// All subsets of r items, in lexicographic order of their places.
template <class G>
void combinations(G& g) {
  auto x = g.tensor("self");
  const int64_t r = g.known_integer("r");
  const bool repeats = g.boolean("with_replacement");
  auto size = g.size(x, 0);
  if (!size.known()) g.refuse("the number of combinations depends on a symbolic size");
  if (r == 0) return g.result(g.full({0}, 0, x.dtype()));
  std::vector<int64_t> at(r), places;
  for (int64_t i = 0; i < r; ++i) at[i] = repeats ? 0 : i;
  const int64_t n = size.fixed;
  int64_t rows = 0;
  for (bool more = repeats ? n > 0 : r <= n; more; ++rows) {
    places.insert(places.end(), at.begin(), at.end());
    int64_t i = r - 1;
    while (i >= 0 && at[i] == (repeats ? n - 1 : n - r + i)) --i;
    more = i >= 0;
    if (!more) continue;
    ++at[i];
    for (int64_t j = i + 1; j < r; ++j) at[j] = at[j - 1] + (repeats ? 0 : 1);
  }
  auto index = g.constant(DType::i64, {rows * r}, places.data());
  g.result(g.reshape(g("aten::index_select", x, 0, index), {rows, r}));
}
PF_JOIN(Combinations, "aten::combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor", combinations(g))
#undef PF_JOIN

using Ops = OpList<Cat, Stack, Concat, Concatenate, StackInner, Hstack, Vstack, RowStack, Dstack, ColumnStack, Atleast1,
                   Atleast1Sequence, Atleast2, Atleast2Sequence, Atleast3, Atleast3Sequence, Meshgrid, MeshgridIndexing,
                   CartesianProd, Combinations, PadSequence, ChunkCat>;

}  // namespace portfire::ops::cat
