// aten::scatter, index_add and their kin: elements stored or combined at places given by numbers.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::scatter {

// y = self, then for each element of index: y_{i index_{i j k} k} = src_{i j k} (middle dimension `dim`)
struct ScatterSrc {
  static constexpr std::string_view schema =
      "aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    if (g.wants("self")) g.give("self", g("aten::scatter.value", g.grad(), g.arg("dim"), g.tensor("index"), 0.0));
    if (g.wants("src")) g.give("src", padded_gather(g));
  }
};
struct ScatterValue {
  static constexpr std::string_view schema =
      "aten::scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::scatter.value", g.grad(), g.arg("dim"), g.tensor("index"), 0.0));
  }
};
struct ScatterAdd {
  static constexpr std::string_view schema =
      "aten::scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return ScatterSrc::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g.grad());
    if (g.wants("src")) g.give("src", padded_gather(g));
  }
};

// Sums go back as they are, means by their number, extremes to those that are equal, products times the others.
template <class G>
void give_reduced(G& g) {
  using T = typename G::Tensor;
  const std::string reduce = g.string("reduce");
  T x = g.tensor("self"), src = g.tensor("src"), index = g.tensor("index"), d = g.grad(), self, added;
  if (!same_sizes(g, src, index)) g.refuse("has no gradient where src is larger than index");
  const auto gather = [&](T t) { return g("aten::gather", t, g.arg("dim"), index); };
  const bool keeps_self = g.boolean("include_self");
  if (reduce == "sum") {
    self = d;
    added = gather(d);
  } else if (reduce == "mean") {
    auto count = g("aten::scatter_add", g.full(g.sizes(x), keeps_self ? 1.0 : 0.0, d.dtype()), g.arg("dim"), index, g.full(g.sizes(src), 1.0, d.dtype()));
    self = d / g("portfire::maximum.Scalar", count, 1.0);
    added = gather(self);
  } else if (reduce == "amax" || reduce == "amin") {
    auto of_self = g.cast(g("aten::eq.Tensor", x, g.value()), d.dtype()), of_src = g.cast(g("aten::eq.Tensor", src, gather(g.value())), d.dtype());
    auto share = d / g("portfire::maximum.Scalar", g("aten::scatter_add", of_self, g.arg("dim"), index, of_src), 1.0);
    self = of_self * share;
    added = of_src * gather(share);
  } else {  // prod: the product of the others, of which one may be 0
    const auto product = [&](T from, T of) { return g("aten::scatter_reduce.two", from, g.arg("dim"), index, of, "prod", g.arg("include_self")); };
    const auto is_0 = [&](T t) { return g("aten::eq.Scalar", t, 0); };
    T self_or_1 = g.where(is_0(x), 1.0, x), zero = is_0(src);
    self = d * product(self_or_1, src) / self_or_1;
    T zeros = gather(g("aten::scatter_add", g.full(g.sizes(x), 0.0, d.dtype()), g.arg("dim"), index, g.cast(zero, d.dtype())));
    T only = g("aten::logical_and", zero, g("aten::eq.Scalar", zeros, 1));
    T without = gather(d * product(x, g.where(only, 1.0, src)));
    added = g.where(only, without, gather(d * g.value()) / g.where(zero, 1.0, src));
  }
  if (!keeps_self) self = g("aten::scatter.value", self, g.arg("dim"), index, 0.0);
  g.give("self", self);
  g.give("src", added);
}
// reduce: sum, prod, mean, amax, amin; without include_self places that are written start afresh.
struct ScatterReduce {
  static constexpr std::string_view schema =
      "aten::scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, "
      "bool include_self=True) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    give_reduced(g);
  }
};

// Older names of two reductions.
template <class G>
void scatter_by_name(G& g, typename G::Tensor src) {
  const std::string how = g.string("reduce");
  if (how != "add" && how != "multiply") g.reject("reduce " + how + " (expected add or multiply)");
  g.result(g("aten::scatter_reduce.two", g.tensor("self"), g.arg("dim"), g.tensor("index"), src,
             how == "add" ? "sum" : "prod"));
}
struct ScatterReduceSrc {
  static constexpr std::string_view schema =
      "aten::scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    scatter_by_name(g, g.tensor("src"));
  }
};
struct ScatterValueReduce {
  static constexpr std::string_view schema =
      "aten::scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto index = g.tensor("index");
    scatter_by_name(g, g.full(g.sizes(index), g.arg("value"), g.tensor("self").dtype()));
  }
};

// A list of numbers along `dim` as the index of a scatter that takes whole slices. `to` and `source`
// get a dimension where they have none.
template <class G>
struct Slices {
  typename G::Tensor to, index, source;
  int64_t dim;
  bool flat;

  // `wraps`: negative numbers count from the back.
  Slices(G& g, typename G::Tensor src, bool wraps = false) : to(g.tensor("self")), index(g.tensor("index")), source(src) {
    dim = g.dim("dim", to.rank());
    flat = to.rank() == 0;
    if (flat) to = g.reshape(to, {1});
    if (source && source.rank() == 0) source = g.reshape(source, {1});
    if (wraps) index = g.where(g("aten::lt.Scalar", index, 0), index + g.size(to, dim), index);
    auto sizes = g.sizes(to);
    std::vector<typename G::Int> alone(to.rank(), 1);
    sizes[dim] = alone[dim] = g.numel(index);
    index = g("aten::expand", g.reshape(index, alone), sizes);
  }
  typename G::Tensor finish(G& g, typename G::Tensor t) const {
    return flat ? g.reshape(t, {}) : t;
  }
};

struct IndexAdd {
  static constexpr std::string_view schema =
      "aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto source = g.tensor("source");
    const int64_t* alpha = g.arg("alpha").integer();
    if (alpha == nullptr || *alpha != 1) source = g.cast(source * g.arg("alpha"), source.dtype());
    const Slices<G> s(g, source);
    g.result(s.finish(g, g("aten::scatter_add", s.to, s.dim, s.index, s.source)));
  }
};
struct IndexCopy {
  static constexpr std::string_view schema =
      "aten::index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    const Slices<G> s(g, g.tensor("source"));
    g.result(s.finish(g, g("aten::scatter.src", s.to, s.dim, s.index, s.source)));
  }
};
struct IndexReduce {
  static constexpr std::string_view schema =
      "aten::index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> "
      "Tensor";
  template <class G>
  static void decompose(G& g) {
    const Slices<G> s(g, g.tensor("source"));
    g.result(s.finish(g, g("aten::scatter_reduce.two", s.to, s.dim, s.index, s.source, g.arg("reduce"),
                           g.arg("include_self"))));
  }
};
template <class G>
void index_fill(G& g, bool tensor_value) {
  const Slices<G> s(g, {}, true);
  if (!tensor_value) return g.result(s.finish(g, g("aten::scatter.value", s.to, s.dim, s.index, g.arg("value"))));
  // By a mask: a place that is named twice counts once for the gradient of `value`.
  auto filled = g("aten::scatter.value", g.full(g.sizes(s.to), false, DType::boolean), s.dim, s.index, true);
  g.result(s.finish(g, g.where(filled, g.cast(g.reshape(g.tensor("value"), {}), s.to.dtype()), s.to)));
}
struct IndexFillScalar {
  static constexpr std::string_view schema =
      "aten::index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    index_fill(g, false);
  }
};
struct IndexFillTensor {
  static constexpr std::string_view schema =
      "aten::index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    index_fill(g, true);
  }
};

// Elements numbered in row-major order; negative numbers count from the back.
struct Put {
  static constexpr std::string_view schema =
      "aten::put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self"), index = g.tensor("index"), source = g.tensor("source");
    auto flat = g.reshape(x, {g.numel(x)});
    auto y = g("aten::index_put", flat, g.list(g.reshape(index, {g.numel(index)})), g.reshape(source, {g.numel(source)}),
               g.arg("accumulate"));
    g.result(g.reshape(y, g.sizes(x)));
  }
};

using Ops = OpList<ScatterSrc, ScatterValue, ScatterAdd, ScatterReduce, ScatterReduceSrc, ScatterValueReduce, IndexAdd,
                   IndexCopy, IndexReduce, IndexFillScalar, IndexFillTensor, Put>;

}  // namespace portfire::ops::scatter
