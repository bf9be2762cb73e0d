// aten::index, index_put: x[i, :, j] with tensors of numbers or masks, as NumPy's advanced indexing.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::index {

template <class G>
bool has_mask(G& g) {
  for (auto i : g.tensors("indices"))
    if (i && (i.dtype() == DType::boolean || i.dtype() == DType::u8)) return true;
  return false;
}

// The indices with each mask replaced by the places where it is true: one list for each of its
// dimensions. The length of those lists depends on data, unless another list tells it.
template <class G>
std::vector<typename G::Tensor> without_masks(G& g) {
  std::vector<typename G::Tensor> out;
  typename G::Int expected = 1;
  for (auto i : g.tensors("indices"))
    if (i && i.dtype() != DType::boolean && i.dtype() != DType::u8 && i.rank() == 1) expected = g.size(i, 0);
  for (auto i : g.tensors("indices")) {
    if (!i || (i.dtype() != DType::boolean && i.dtype() != DType::u8)) {
      out.push_back(i);
      continue;
    }
    if (i.rank() == 0) g.refuse("a mask of rank 0");
    auto places = same(expected, 1) ? g("aten::nonzero", i) : g("aten::nonzero_static", i, expected);
    for (int d = 0; d < i.rank(); ++d) out.push_back(g("aten::select.int", places, 1, d));
  }
  return out;
}

// y = x[indices]: the broadcast shape of the indices stands where they stand if they are neighbours,
// else in front. Negative numbers count from the back.
struct IndexTensor {
  static constexpr std::string_view schema = "aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static bool whole(G& g) {
    return !has_mask(g);
  }
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::index.Tensor", g.tensor("self"), without_masks(g)));
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::index_put", zeros_like(g, g.tensor("self"), g.grad().dtype()), g.arg("indices"), g.grad(), true));
  }
};

// y = self, then y[indices] = values, or += with `accumulate`
struct IndexPut {
  static constexpr std::string_view schema =
      "aten::index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static bool whole(G& g) {
    return !has_mask(g);
  }
  template <class G>
  static void decompose(G& g) {
    if (auto y = put_by_mask(g)) return g.result(y);
    g.result(g("aten::index_put", g.tensor("self"), without_masks(g), g.tensor("values"), g.arg("accumulate")));
  }

  // One mask needs no lists of places.
  template <class G>
  static typename G::Tensor put_by_mask(G& g) {
    auto x = g.tensor("self"), values = g.tensor("values");
    const auto indices = g.tensors("indices");
    typename G::Tensor mask;
    int first = 0;
    for (size_t i = 0; i < indices.size(); ++i) {
      if (!indices[i]) continue;
      if (mask) return {};
      mask = indices[i];
      first = static_cast<int>(i);
    }
    const int rest = x.rank() - mask.rank();  // dimensions that the mask does not cover
    if (mask.rank() == 0 || rest < first || values.rank() > rest + 1) return {};
    // The dimensions of the mask come to the front, in the values that of the places.
    std::vector<int64_t> forth, back(x.rank());
    if (first > 0) {
      for (int d = 0; d < x.rank(); ++d) forth.push_back(d < mask.rank() ? d + first : d < mask.rank() + first ? d - mask.rank() : d);
      for (int d = 0; d < x.rank(); ++d) back[forth[d]] = d;
      x = g.permute(x, forth);
      if (values.rank() > rest - first) {
        while (values.rank() < rest + 1) values = g("aten::unsqueeze", values, 0);
        values = g("aten::movedim.int", values, first, 0);
      }
    }
    auto sizes = g.sizes(mask);
    sizes.resize(x.rank(), 1);
    mask = g.reshape(g.cast(mask, DType::boolean), sizes);
    const bool accumulate = g.boolean("accumulate");
    typename G::Tensor y;
    if (values.rank() <= rest || same(g.size(values, 0), 1)) {
      if (values.rank() > rest) values = g("aten::select.int", values, 0, 0);
      y = g.where(mask, accumulate ? x + values : values, x);
    } else {
      auto full = g.sizes(values);
      for (int d = 1; d < values.rank(); ++d) full[d] = g.size(x, x.rank() - rest + d - 1);
      values = g("aten::expand", values, full);
      mask = g("aten::expand", mask, g.sizes(x));
      auto base = accumulate ? g.full(g.sizes(x), 0, x.dtype()) : x;
      y = g("aten::masked_scatter", base, mask, values);
      if (accumulate) y = x + y;
    }
    return first > 0 ? g.permute(y, back) : y;
  }
  template <class G>
  static void gradient(G& g) {
    auto d = g.grad();
    if (g.wants("values")) g.give("values", g("aten::index.Tensor", d, g.arg("indices")));
    if (g.wants("self")) g.give("self", g.boolean("accumulate") ? d : g("aten::index_put", d, g.arg("indices"), g.scalar_tensor(0.0, d.dtype()), false));
  }
};

#define PF_INDEX(type, schema_text, ...)                 \
  struct type {                                          \
    static constexpr std::string_view schema = schema_text; \
    template <class G>                                   \
    static void decompose(G& g) {                        \
      __VA_ARGS__;                                       \
    }                                                    \
  };
PF_INDEX(IndexTwin, "aten::index.Tensor_hacked_twin(Tensor self, Tensor[] indices) -> Tensor",
         g.forward("aten::index.Tensor"))
PF_INDEX(UnsafeIndex, "aten::_unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor",
         g.forward("aten::index.Tensor"))
PF_INDEX(UnsafeIndexTwin, "aten::_unsafe_index.Tensor_hacked_twin(Tensor self, Tensor[] indices) -> Tensor",
         g.forward("aten::index.Tensor"))
PF_INDEX(IndexPutTwin,
         "aten::index_put.hacked_twin(Tensor self, Tensor[] indices, Tensor values, bool accumulate=False) -> Tensor",
         g.forward("aten::index_put"))
PF_INDEX(IndexPutImpl,
         "aten::_index_put_impl(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False, "
         "bool unsafe=False) -> Tensor",
         g.forward("aten::index_put"))
PF_INDEX(UnsafeIndexPut,
         "aten::_unsafe_index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
         g.forward("aten::index_put"))
PF_INDEX(UnsafeIndexPutTwin,
         "aten::_unsafe_index_put.hacked_twin(Tensor self, Tensor[] indices, Tensor values, bool accumulate=False) -> "
         "Tensor",
         g.forward("aten::index_put"))

// Indices that need not be valid where the mask is false: there they become 0.
template <class G>
std::vector<typename G::Tensor> masked_indices(G& g, typename G::Tensor mask) {
  auto list = g.tensors("indices");
  for (auto& i : list)
    if (i) i = g.where(mask, i, 0);
  return list;
}
// The mask with dimensions added at the back until it has `rank`.
template <class G>
typename G::Tensor widened(G& g, typename G::Tensor mask, int rank) {
  auto sizes = g.sizes(mask);
  sizes.resize(rank, 1);
  return g.reshape(mask, sizes);
}
template <class G>
void masked_index(G& g) {
  auto mask = g.tensor("mask");
  auto y = g("aten::index.Tensor", g.tensor("self"), masked_indices(g, mask));
  auto fill = g.scalar_tensor(g.arg("fill"), y.dtype());
  g.result(g.where(widened(g, mask, y.rank()), y, fill));
}
template <class G>
void masked_index_put(G& g) {
  auto mask = g.tensor("mask"), values = g.tensor("values");
  auto none = g.scalar_tensor(0, values.dtype());
  values = g.where(widened(g, mask, values.rank()), values, none);
  g.result(g("aten::index_put", g.tensor("self"), masked_indices(g, mask), values, true));
}
PF_INDEX(MaskedIndex, "aten::_unsafe_masked_index(Tensor self, Tensor mask, Tensor?[] indices, Scalar fill) -> Tensor",
         masked_index(g))
PF_INDEX(MaskedIndexPut,
         "aten::_unsafe_masked_index_put_accumulate(Tensor self, Tensor mask, Tensor?[] indices, Tensor values) -> "
         "Tensor",
         masked_index_put(g))
#undef PF_INDEX

using Ops = OpList<IndexTensor, IndexPut, IndexTwin, UnsafeIndex, UnsafeIndexTwin, IndexPutTwin, IndexPutImpl,
                   UnsafeIndexPut, UnsafeIndexPutTwin, MaskedIndex, MaskedIndexPut>;

}  // namespace portfire::ops::index
