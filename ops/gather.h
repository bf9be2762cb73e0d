// aten::gather, index_select, take and their kin: elements fetched by their numbers.
#pragma once

#include "ops/expand.h"
#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::gather {

// y_{i j k} = x_{i index_{i j k} k} for the middle dimension `dim`
struct Gather {
  static constexpr std::string_view schema =
      "aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::scatter_add", zeros_like(g, g.tensor("self"), g.grad().dtype()), g.arg("dim"), g.tensor("index"), g.grad()));
  }
};

// y_{i j k} = x_{i index_j k} for the middle dimension `dim`
struct IndexSelect {
  static constexpr std::string_view schema = "aten::index_select(Tensor self, int dim, Tensor index) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::index_add", zeros_like(g, g.tensor("self"), g.grad().dtype()), g.arg("dim"), g.tensor("index"), g.grad()));
  }
};

// Elements numbered in row-major order; negative numbers count from the back.
struct Take {
  static constexpr std::string_view schema = "aten::take(Tensor self, Tensor index) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    g.result(g("aten::index.Tensor", g.reshape(x, {g.numel(x)}), g.list(g.tensor("index"))));
  }
};

// gather, with `self` and `indices` broadcast to each other but for `dim`.
struct TakeAlongDim {
  static constexpr std::string_view schema =
      "aten::take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self"), index = g.tensor("indices");
    if (g.none("dim")) {
      x = g.reshape(x, {g.numel(x)});
      return g.result(g("aten::gather", x, 0, g.reshape(wrapped(g, index, g.size(x, 0)), {g.numel(index)})));
    }
    if (x.rank() != index.rank()) g.reject("self and indices of different rank");
    const int64_t dim = g.dim("dim", x.rank());
    auto common = expand::broadcast_sizes(g, {x, index}), own = common, other = common;
    own[dim] = g.size(x, dim);
    other[dim] = g.size(index, dim);
    g.result(g("aten::gather", expand::expand_to(g, x, own), dim,
               expand::expand_to(g, wrapped(g, index, own[dim]), other)));
  }
  template <class G>
  static typename G::Tensor wrapped(G& g, typename G::Tensor index, typename G::Int n) {
    return g.where(g("aten::lt.Scalar", index, 0), index + n, index);
  }
};

// Embedding looks rows up: y_{.. j} = weight_{indices_{..} j}
struct Embedding {
  static constexpr std::string_view schema =
      "aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, "
      "bool sparse=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("weight", g("aten::embedding_dense_backward", g.grad(), g.tensor("indices"), g.size(g.tensor("weight"), 0), g.arg("padding_idx"), g.arg("scale_grad_by_freq")));
  }
};

using Ops = OpList<Gather, IndexSelect, Take, TakeAlongDim, Embedding>;

}  // namespace portfire::ops::gather
