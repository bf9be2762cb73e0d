// Orders along `dim`: sort, topk, kthvalue, median, mode, and quantiles made of sort.
// Ascending order puts NaN last, descending first. Where equal elements need not keep their order (all
// but a stable sort), they stand as std::sort leaves them, which is also what PyTorch gives.
#pragma once

#include <limits>
#include <string>

#include "ops/composite.h"
#include "ops/gradients.h"

namespace portfire::ops::sort {

struct Sort {
  static constexpr std::string_view schema =
      "aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, true, false);
  }
};
struct SortStable {
  static constexpr std::string_view schema =
      "aten::sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor "
      "indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, true, false);
  }
};
// The k first of the sorted row
struct Topk {
  static constexpr std::string_view schema =
      "aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor "
      "indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, true, false);
  }
};
// The k-th least, counted from 1
struct Kthvalue {
  static constexpr std::string_view schema =
      "aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, g.boolean("keepdim"), false);
  }
};
// The lower of the middle elements; NaN where the row has one
struct MedianDim {
  static constexpr std::string_view schema =
      "aten::median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, g.boolean("keepdim"), false);
  }
};
// Likewise of the elements that are not NaN
struct NanmedianDim {
  static constexpr std::string_view schema =
      "aten::nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return MedianDim::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a) { return MedianDim::scratch(a); }
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, g.boolean("keepdim"), false);
  }
};
// The most frequent element, the least of several, and where it stands last
struct Mode {
  static constexpr std::string_view schema =
      "aten::mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return MedianDim::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a) { return MedianDim::scratch(a); }
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, g.boolean("keepdim"), false);
  }
};

PF_COMPOSITE(Argsort, "aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor") {
  g.result(g.all("aten::sort", g.tensor("self"), g.arg("dim"), g.arg("descending"))[1]);
}
PF_COMPOSITE(ArgsortStable,
             "aten::argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor") {
  g.result(g.all("aten::sort.stable", g.tensor("self"), g.arg("stable"), g.arg("dim"), g.arg("descending"))[1]);
}
PF_COMPOSITE(Msort, "aten::msort(Tensor self) -> Tensor") { g.result(g("aten::sort", g.tensor("self"), 0)); }

template <class G>
auto median_of_all(G& g, const char* op) {
  auto x = g.tensor("self");
  return g(op, g.reshape(x, {g.numel(x)}), 0);
}
PF_COMPOSITE(Median, "aten::median(Tensor self) -> Tensor") { g.result(median_of_all(g, "aten::median.dim")); }
PF_COMPOSITE(Nanmedian, "aten::nanmedian(Tensor self) -> Tensor") { g.result(median_of_all(g, "aten::nanmedian.dim")); }

// The value at rank q (n - 1) of the sorted row, n elements (without NaN, for nanquantile), between
// two elements as `interpolation` says. Dimension 0 of the result counts the q, if those are several.
template <class G, class T>
T quantile_of(G& g, T q, bool skips_nan) {
  T x = g.tensor("self");
  const std::string between = g.string("interpolation");
  const bool keepdim = g.boolean("keepdim");
  auto result_sizes = g.sizes(x);  // of one q
  int64_t dim = 0;
  if (g.none("dim")) {
    for (auto& s : result_sizes) s = 1;
    x = g.reshape(x, {g.numel(x)});
    if (!keepdim) result_sizes.clear();
  } else {
    dim = g.dim("dim", x.rank());
    if (x.rank() > 0) {
      if (keepdim) result_sizes[dim] = 1;
      else result_sizes.erase(result_sizes.begin() + dim);
    } else {
      x = g.reshape(x, {1});
    }
  }
  // Rows along the last dimension; from here on x is [..., n].
  std::vector<int64_t> order;
  for (int d = 0; d < x.rank(); ++d)
    if (d != dim) order.push_back(d);
  order.push_back(dim);
  x = g.permute(x, order);
  auto sizes = g.sizes(x);
  const auto n = sizes.back(), count = g.numel(q);

  T sorted = g("aten::sort", x, -1), rank = g.reshape(q, {count});
  T nan = g("aten::isnan", x);
  if (skips_nan) {
    T valid = g("aten::sum.dim_IntList", g("aten::logical_not", nan), std::vector<int64_t>{-1}, true);
    rank = rank * g.cast(g("portfire::maximum.Scalar", valid - 1, 0), x.dtype());
  } else {
    rank = rank * (n - 1);
  }
  sizes.back() = count;
  if (between == "lower") rank = g("aten::floor", rank);
  else if (between == "higher") rank = g("aten::ceil", rank);
  else if (between == "nearest") rank = g("aten::round", rank);
  else if (between != "linear" && between != "midpoint") g.reject("interpolation is \"" + between + "\"");
  rank = g("aten::expand", rank, sizes);
  const auto element = [&](T at) { return g("aten::gather", sorted, -1, g.cast(at, DType::i64)); };
  T y = element(g("aten::floor", rank));
  if (between == "linear") y = g("aten::lerp.Tensor", y, element(g("aten::ceil", rank)), g("aten::frac", rank));
  if (between == "midpoint") y = g("aten::lerp.Scalar", y, element(g("aten::ceil", rank)), 0.5);
  if (!skips_nan) y = g.where(g("aten::any.dim", nan, -1, true), std::numeric_limits<double>::quiet_NaN(), y);

  if (q.rank() == 0) return g.reshape(y, result_sizes);
  std::vector<int64_t> back{y.rank() - 1};
  for (int d = 0; d + 1 < y.rank(); ++d) back.push_back(d);
  result_sizes.insert(result_sizes.begin(), count);
  return g.reshape(g.permute(y, back), result_sizes);
}
PF_COMPOSITE(Quantile,
             "aten::quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str "
             "interpolation=\"linear\") -> Tensor") {
  g.result(quantile_of(g, g.tensor("q"), false));
}
PF_COMPOSITE(QuantileScalar,
             "aten::quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str "
             "interpolation=\"linear\") -> Tensor") {
  g.result(quantile_of(g, g.scalar_tensor(g.arg("q"), g.tensor("self").dtype()), false));
}
PF_COMPOSITE(Nanquantile,
             "aten::nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str "
             "interpolation=\"linear\") -> Tensor") {
  g.result(quantile_of(g, g.tensor("q"), true));
}
PF_COMPOSITE(NanquantileScalar,
             "aten::nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str "
             "interpolation=\"linear\") -> Tensor") {
  g.result(quantile_of(g, g.scalar_tensor(g.arg("q"), g.tensor("self").dtype()), true));
}

using Ops = OpList<Sort, SortStable, Topk, Kthvalue, MedianDim, NanmedianDim, Mode, Argsort, ArgsortStable, Msort,
                   Median, Nanmedian, Quantile, QuantileScalar, Nanquantile, NanquantileScalar>;

}  // namespace portfire::ops::sort
