// aten::masked_fill, masked_select, nonzero and their kin: elements chosen by a mask.
#pragma once

#include "ops/expand.h"
#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::masked {

struct MaskedFillScalar {
  static constexpr std::string_view schema = "aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    auto value = g.scalar_tensor(g.arg("value"), x.dtype());
    g.result(g.where(g.cast(g.tensor("mask"), DType::boolean), value, x));
  }
};
struct MaskedFillTensor {
  static constexpr std::string_view schema = "aten::masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    g.result(g.where(g.cast(g.tensor("mask"), DType::boolean), g.cast(g.tensor("value"), x.dtype()), x));
  }
};

// y = self, where the mask is true the next element of source (in row-major order).
struct MaskedScatter {
  static constexpr std::string_view schema = "aten::masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto mask = g.tensor("mask"), source = g.tensor("source"), d = g.grad();
    mask = g.cast(mask, DType::boolean);
    if (g.wants("self")) g.give("self", g.where(mask, 0.0, d));
    if (!g.wants("source")) return;
    // Element k of source went to the k-th place that is true. A place more takes what is of others.
    const auto n = g.numel(d), count = g.numel(source);
    mask = g.reshape(g("aten::expand", mask, g.sizes(d)), {n});
    auto from = g.where(mask, g("aten::cumsum", mask, 0) - 1, count);
    auto sum = g("aten::scatter_add", g.full({count + 1}, 0.0, d.dtype()), 0, from, g.reshape(d, {n}));
    g.give("source", g.reshape(g("aten::slice.Tensor", sum, 0, 0, count), g.sizes(source)));
  }
};

// The elements where the mask is true, in row-major order.
struct MaskedSelect {
  static constexpr std::string_view schema = "aten::masked_select(Tensor self, Tensor mask) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static constexpr bool data_dependent = true;
  template <class G>
  static void gradient(G& g) {
    auto mask = g.tensor("mask"), d = g.grad();
    auto zeros = g.full(expand::broadcast_sizes(g, {g.tensor("self"), mask}), 0.0, d.dtype());
    g.give("self", g("aten::masked_scatter", zeros, mask, d));
  }
};

// What a mask over dimensions dim, dim + 1, ... of self leaves: they become one, of the places that are true. It is self[:, mask],
// for programs of other compilers.
struct MaskedRows {
  static constexpr std::string_view schema = "portfire::masked_rows(Tensor self, Tensor mask, int dim) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static constexpr bool data_dependent = true;
};

// [n,rank]: the indices of the elements that are not zero, in row-major order.
struct Nonzero {
  static constexpr std::string_view schema = "aten::nonzero(Tensor self) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static constexpr bool data_dependent = true;
};
// The first `size` of them; where there are fewer, rows of fill_value follow.
struct NonzeroStatic {
  static constexpr std::string_view schema =
      "aten::nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

struct Argwhere {
  static constexpr std::string_view schema = "aten::argwhere(Tensor self) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.forward("aten::nonzero");
  }
};

// A list of indices for each dimension; a number counts as a list of one.
template <class G>
void nonzero_lists(G& g, typename G::Tensor x) {
  if (x.rank() == 0) x = g.reshape(x, {1});
  auto places = g("aten::nonzero", x);
  std::vector<typename G::Tensor> lists;
  for (int d = 0; d < x.rank(); ++d) lists.push_back(g("aten::select.int", places, 1, d));
  g.results(lists);
}
struct NonzeroNumpy {
  static constexpr std::string_view schema = "aten::nonzero_numpy(Tensor self) -> Tensor[]";
  template <class G>
  static void decompose(G& g) {
    nonzero_lists(g, g.tensor("self"));
  }
};
struct WhereCondition {
  static constexpr std::string_view schema = "aten::where(Tensor condition) -> Tensor[]";
  template <class G>
  static void decompose(G& g) {
    nonzero_lists(g, g.tensor("condition"));
  }
};

using Ops = OpList<MaskedFillScalar, MaskedFillTensor, MaskedScatter, MaskedSelect, MaskedRows, Nonzero, NonzeroStatic, Argwhere,
                   NonzeroNumpy, WhereCondition>;

}  // namespace portfire::ops::masked
