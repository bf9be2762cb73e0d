// aten::split, chunk, unbind and their kin: a dimension cut into parts, each a view.
#pragma once

#include "ops/op.h"

namespace portfire::ops::split {

// Parts of these sizes, one after the other.
template <class G>
void cut(G& g, typename G::Tensor x, int64_t dim, const std::vector<typename G::Int>& sizes) {
  std::vector<typename G::Tensor> parts;
  typename G::Int start = 0;
  for (auto n : sizes) {
    parts.push_back(g("aten::slice.Tensor", x, dim, start, start + n));
    start = start + n;
  }
  g.results(parts);
}

// Parts of `size`, the last one smaller. Where their number depends on a symbol, `expected` stands
// for it (0: refused), since the export has assumed some number.
template <class G>
void cut_evenly(G& g, typename G::Tensor x, int64_t dim, typename G::Int size, int64_t expected = 0) {
  if (size.known() && size.fixed == 0) return g.results({x});
  auto count = floor_div(g.size(x, dim) + size - 1, size);
  if (!count.samples().is_static() && expected == 0) g.refuse("the number of parts depends on a symbolic size");
  const int64_t parts = count.samples().is_static() ? count.samples().at[0] : expected;
  std::vector<typename G::Tensor> list;
  for (int64_t i = 0; i < parts || i == 0; ++i) list.push_back(g("aten::slice.Tensor", x, dim, size * i, size * (i + 1)));
  g.results(list);
}

// Parts between indices, which follow the rules of slices.
template <class G>
void cut_at(G& g, typename G::Tensor x, int64_t dim, const std::vector<typename G::Int>& indices) {
  std::vector<typename G::Tensor> parts;
  typename G::Int start = 0;
  for (auto end : indices) {
    parts.push_back(g("aten::slice.Tensor", x, dim, start, end));
    start = end;
  }
  parts.push_back(g("aten::slice.Tensor", x, dim, start, g.size(x, dim)));
  g.results(parts);
}

// `count` parts, the first ones larger by one where they cannot be equal.
template <class G>
void cut_into(G& g, typename G::Tensor x, int64_t dim, typename G::Int count) {
  if (!count.samples().is_static()) g.refuse("the number of parts is symbolic");
  const int64_t parts = count.samples().at[0];
  if (parts <= 0) g.reject("into " + std::to_string(parts) + " parts (expected at least 1)");
  std::vector<typename G::Int> sizes;
  for (int64_t i = 0; i < parts; ++i) sizes.push_back(floor_div(g.size(x, dim) + (parts - 1 - i), parts));
  cut(g, x, dim, sizes);
}

#define PF_SPLIT(type, schema_text, ...)                 \
  struct type {                                          \
    static constexpr std::string_view schema = schema_text; \
    template <class G>                                   \
    static void decompose(G& g) {                        \
      auto x = g.tensor("self");                         \
      __VA_ARGS__;                                       \
    }                                                    \
  };

PF_SPLIT(SplitTensor, "aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]",
         cut_evenly(g, x, g.dim("dim", x.rank()), g.integer("split_size")))
PF_SPLIT(SplitSizes, "aten::split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]",
         cut(g, x, g.dim("dim", x.rank()), g.ints("split_size")))
PF_SPLIT(SplitWithSizes,
         "aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]",
         cut(g, x, g.dim("dim", x.rank()), g.ints("split_sizes")))
PF_SPLIT(UnsafeSplit, "aten::unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]",
         cut_evenly(g, x, g.dim("dim", x.rank()), g.integer("split_size")))
PF_SPLIT(UnsafeSplitWithSizes,
         "aten::unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]",
         cut(g, x, g.dim("dim", x.rank()), g.ints("split_sizes")))
PF_SPLIT(SplitCopy, "aten::split_copy.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]",
         cut_evenly(g, x, g.dim("dim", x.rank()), g.integer("split_size")))
PF_SPLIT(SplitWithSizesCopy, "aten::split_with_sizes_copy(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]",
         cut(g, x, g.dim("dim", x.rank()), g.ints("split_sizes")))

// The size of a part is fixed first, so there can be fewer parts than asked for.
template <class G>
void chunk(G& g, typename G::Tensor x) {
  const int64_t dim = g.dim("dim", x.rank()), chunks = g.known_integer("chunks");
  auto n = g.size(x, dim), size = floor_div(n + (chunks - 1), chunks);
  // An empty dimension still gives as many (empty) parts as were asked for.
  if (n.known() && n.fixed == 0) return cut(g, x, dim, std::vector<typename G::Int>(chunks, 0));
  cut_evenly(g, x, dim, size, chunks);
}
PF_SPLIT(Chunk, "aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]", chunk(g, x))
PF_SPLIT(UnsafeChunk, "aten::unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", chunk(g, x))

PF_SPLIT(TensorSplitSections,
         "aten::tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]",
         cut_into(g, x, g.dim("dim", x.rank()), g.integer("sections")))
PF_SPLIT(TensorSplitIndices,
         "aten::tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]",
         cut_at(g, x, g.dim("dim", x.rank()), g.ints("indices")))
// Indices may depend on data; a number of sections must be a constant of the program.
template <class G>
void cut_by_tensor(G& g, typename G::Tensor x) {
  auto t = g.cast(g.tensor("tensor_indices_or_sections"), DType::i64);
  const int64_t dim = g.dim("dim", x.rank());
  if (t.rank() == 0) {
    const auto& constant = g.graph().values[t.id].constant;
    if (!constant) g.refuse("the number of parts depends on data");
    return cut_into(g, x, dim, typename G::Int(*static_cast<const int64_t*>(constant->data)));
  }
  auto n = g.size(t, 0);
  if (!n.known()) g.refuse("the number of parts is symbolic");
  std::vector<typename G::Int> indices;
  for (int64_t i = 0; i < n.fixed; ++i) {
    // Samples that let each part be anything from empty to all of x.
    auto samples = g.size(x, dim).samples();
    const int64_t count = static_cast<int64_t>(samples.at.size());
    for (int64_t k = 0; k < count; ++k)
      if ((i - k + n.fixed * count) % count > count / 2) samples.at[k] = 0;
    indices.push_back(g.item(g("aten::select.int", t, 0, i), samples));
  }
  cut_at(g, x, dim, indices);
}
PF_SPLIT(TensorSplitTensor,
         "aten::tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, "
         "int dim=0) -> Tensor(a)[]",
         cut_by_tensor(g, x))
PF_SPLIT(HSplitInt, "aten::hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]",
         cut_into(g, x, x.rank() > 1, g.integer("sections")))
PF_SPLIT(HSplitArray, "aten::hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]",
         cut_at(g, x, x.rank() > 1, g.ints("indices")))
PF_SPLIT(VSplitInt, "aten::vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]",
         cut_into(g, x, 0, g.integer("sections")))
PF_SPLIT(VSplitArray, "aten::vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]",
         cut_at(g, x, 0, g.ints("indices")))
PF_SPLIT(DSplitInt, "aten::dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]",
         cut_into(g, x, 2, g.integer("sections")))
PF_SPLIT(DSplitArray, "aten::dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]",
         cut_at(g, x, 2, g.ints("indices")))

template <class G>
void unbind(G& g, typename G::Tensor x) {
  const int64_t dim = g.dim("dim", x.rank());
  if (x.rank() == 0) g.reject("a rank-0 tensor has no parts");
  auto n = g.size(x, dim);
  if (!n.samples().is_static()) g.refuse("the number of parts depends on a symbolic size");
  std::vector<typename G::Tensor> parts;
  for (int64_t i = 0; i < n.samples().at[0]; ++i) parts.push_back(g("aten::select.int", x, dim, i));
  g.results(parts);
}
PF_SPLIT(Unbind, "aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]", unbind(g, x))
PF_SPLIT(UnbindCopy, "aten::unbind_copy.int(Tensor self, int dim=0) -> Tensor[]", unbind(g, x))
#undef PF_SPLIT

using Ops = OpList<SplitTensor, SplitSizes, SplitWithSizes, UnsafeSplit, UnsafeSplitWithSizes, SplitCopy,
                   SplitWithSizesCopy, Chunk, UnsafeChunk, TensorSplitSections, TensorSplitIndices, TensorSplitTensor, HSplitInt,
                   HSplitArray, VSplitInt, VSplitArray, DSplitInt, DSplitArray, Unbind, UnbindCopy>;

}  // namespace portfire::ops::split
