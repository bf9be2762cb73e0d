// Reductions made of those in ops/reduce.h: deviations, counts, log-sum-exp and the like.
#pragma once

#include <limits>
#include <string>

#include "ops/composite.h"

namespace portfire::ops::statistics {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The dimensions of list `name`, counted from the front; all of them where it is None or empty.
template <class G>
std::vector<int64_t> dims_of(G& g, const char* name, int rank) {
  std::vector<int64_t> dims = g.known_ints(name);
  for (int64_t& d : dims) d += d < 0 ? (rank ? rank : 1) : 0;
  if (dims.empty())
    for (int d = 0; d < rank; ++d) dims.push_back(d);
  return dims;
}
// x without dimensions `dims`, whose size is 1 there.
template <class G, class T>
T drop_dims(G& g, T x, const std::vector<int64_t>& dims) {
  auto sizes = g.sizes(x);
  std::vector<typename G::Int> kept;
  for (int64_t d = 0; d < x.rank(); ++d) {
    bool dropped = false;
    for (int64_t r : dims) dropped |= r == d;
    if (!dropped) kept.push_back(sizes[d]);
  }
  return g.reshape(x, kept);
}

// --- variance and standard deviation: `unbiased` is correction 1, else 0 ---

template <class G>
auto correction_of(G& g) {
  return int64_t{g.boolean("unbiased", true)};
}
template <class G, class T, class C>
T std_of(G& g, T x, const std::vector<int64_t>& dims, const C& correction, bool keepdim) {
  auto dim = dims.empty() ? G::to_arg(nullptr) : G::to_arg(dims);
  T wide = g.cast(x, compute_dtype(x.dtype()));
  T y = g("aten::sqrt", g("aten::var.correction", wide, dim, correction, keepdim));
  return g.cast(y, is_complex(x.dtype()) ? y.dtype() : x.dtype());
}
template <class G, class T, class C>
T var_of(G& g, T x, const std::vector<int64_t>& dims, const C& correction, bool keepdim) {
  auto dim = dims.empty() ? G::to_arg(nullptr) : G::to_arg(dims);
  return g("aten::var.correction", x, dim, correction, keepdim);
}
template <class G, class T>
T mean_of(G& g, T x, const std::vector<int64_t>& dims, bool keepdim) {
  return g("aten::mean.dim", x, dims.empty() ? G::to_arg(nullptr) : G::to_arg(dims), keepdim);
}

PF_COMPOSITE(Var, "aten::var(Tensor self, bool unbiased=True) -> Tensor") {
  g.result(var_of(g, g.tensor("self"), {}, correction_of(g), false));
}
PF_COMPOSITE(VarDim, "aten::var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor") {
  g.result(var_of(g, g.tensor("self"), g.known_ints("dim"), correction_of(g), g.boolean("keepdim")));
}
PF_COMPOSITE(Std, "aten::std(Tensor self, bool unbiased=True) -> Tensor") {
  g.result(std_of(g, g.tensor("self"), {}, correction_of(g), false));
}
PF_COMPOSITE(StdDim, "aten::std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor") {
  g.result(std_of(g, g.tensor("self"), g.known_ints("dim"), correction_of(g), g.boolean("keepdim")));
}
PF_COMPOSITE(StdCorrection,
             "aten::std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) "
             "-> Tensor") {
  g.result(std_of(g, g.tensor("self"), g.known_ints("dim"), g.arg("correction"), g.boolean("keepdim")));
}
#define PF_WITH_MEAN(type, name, spread)                                                                              \
  PF_COMPOSITE(type, "aten::" name "(Tensor self, bool unbiased=True) -> (Tensor, Tensor)") {                         \
    auto x = g.tensor("self");                                                                                        \
    g.results({spread(g, x, {}, correction_of(g), false), mean_of(g, x, {}, false)});                                 \
  }                                                                                                                   \
  PF_COMPOSITE(type##Dim, "aten::" name                                                                               \
               ".dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)") {        \
    auto x = g.tensor("self");                                                                                        \
    const auto dims = g.known_ints("dim");                                                                            \
    const bool keepdim = g.boolean("keepdim");                                                                        \
    g.results({spread(g, x, dims, correction_of(g), keepdim), mean_of(g, x, dims, keepdim)});                         \
  }                                                                                                                   \
  PF_COMPOSITE(type##Correction, "aten::" name                                                                        \
               ".correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> "       \
               "(Tensor, Tensor)") {                                                                                  \
    auto x = g.tensor("self");                                                                                        \
    const auto dims = g.known_ints("dim");                                                                            \
    const bool keepdim = g.boolean("keepdim");                                                                        \
    g.results({spread(g, x, dims, g.arg("correction"), keepdim), mean_of(g, x, dims, keepdim)});                      \
  }
PF_WITH_MEAN(VarMean, "var_mean", var_of)
PF_WITH_MEAN(StdMean, "std_mean", std_of)
#undef PF_WITH_MEAN

// --- sums ---

// To a shape that broadcasts to this one: what broadcasting would repeat is added up.
PF_COMPOSITE(SumToSize, "aten::sum_to_size(Tensor self, SymInt[] size) -> Tensor") {
  auto x = g.tensor("self");
  auto size = g.ints("size");
  const int64_t extra = x.rank() - static_cast<int64_t>(size.size());
  std::vector<int64_t> dims;
  for (int64_t d = 0; d < x.rank(); ++d)
    if (d < extra || (same(size[d - extra], 1) && !same(g.size(x, d), 1))) dims.push_back(d);
  if (size.empty()) return g.result(g("aten::sum", x));
  if (!dims.empty()) x = g("aten::sum.dim_IntList", x, dims, true);
  g.result(extra > 0 ? g.reshape(x, size) : x);
}

// --- NaN counts for nothing ---

template <class G, class T>
T without_nan(G& g, T x) {
  if (is_complex(x.dtype())) return g.where(g("aten::isnan", x), 0, x);
  return is_floating(x.dtype()) ? g("portfire::replace_nan", x, 0.0) : x;
}
template <class G, class T>
T sum_without_nan(G& g, T x) {
  if (is_floating(x.dtype())) return g("portfire::sum_numbers", x, g.arg("dim"), g.arg("keepdim"), g.arg("dtype"));
  return g("aten::sum.dim_IntList", without_nan(g, x), g.arg("dim"), g.arg("keepdim"), g.arg("dtype"));
}
PF_COMPOSITE(Nansum,
             "aten::nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
  g.result(sum_without_nan(g, g.tensor("self")));
}
PF_COMPOSITE(Nanmean,
             "aten::nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
  auto x = g.tensor("self");
  auto sum = sum_without_nan(g, x);
  auto count = g("aten::sum.dim_IntList", g("aten::logical_not", g("aten::isnan", x)), g.arg("dim"), g.arg("keepdim"));
  g.result(sum / count);
}

// --- extremes and counts ---

PF_COMPOSITE(Aminmax, "aten::aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)") {
  auto x = g.tensor("self");
  auto dims = g.known_ints("dim");
  const bool keepdim = g.boolean("keepdim");
  if (x.rank() == 0) dims.clear();
  g.results({g("aten::amin", x, dims, keepdim), g("aten::amax", x, dims, keepdim)});
}
template <class G>
auto count_nonzero(G& g) {
  auto nonzero = g("aten::ne.Scalar", g.tensor("self"), 0);
  return g("aten::sum.dim_IntList", nonzero, g.known_ints("dim"), false);
}
PF_COMPOSITE(CountNonzero, "aten::count_nonzero(Tensor self, int? dim=None) -> Tensor") { g.result(count_nonzero(g)); }
PF_COMPOSITE(CountNonzeroDims, "aten::count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor") {
  g.result(count_nonzero(g));
}

// --- log sum exp: m + log sum_j exp(x_j - m), where m is the greatest x_j, or 0 where that is infinite ---

template <class G>
auto logsumexp(G& g) {
  auto x = g.tensor("self");
  auto w = widen(g, x);
  const auto dims = dims_of(g, "dim", x.rank());
  bool empty = false;  // amax has nothing to choose from
  for (int d = 0; d < x.rank(); ++d) empty |= same(g.size(x, d), 0);
  auto y = w;
  if (empty) {
    y = g("aten::log", g("aten::sum.dim_IntList", g("aten::exp", w), dims, true));
  } else {
    auto most = g("aten::amax", w, dims, true);
    most = g.where(g("aten::isinf", most), 0.0, most);
    y = g("aten::log", g("aten::sum.dim_IntList", g("aten::exp", w - most), dims, true)) + most;
  }
  if (!g.boolean("keepdim")) y = drop_dims(g, y, dims);
  return g.cast(y, float_result(x.dtype()));
}
PF_COMPOSITE(Logsumexp, "aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor") {
  g.result(logsumexp(g));
}
PF_COMPOSITE(SpecialLogsumexp, "aten::special_logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor") {
  g.result(logsumexp(g));
}

// --- softmax under other names ---

// Rows that are all -inf give 0 instead of NaN.
PF_COMPOSITE(SafeSoftmax, "aten::_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") {
  auto x = g.tensor("self");
  auto y = g("aten::softmax.int", x, g.arg("dim"), g.arg("dtype"));
  auto masked = g("aten::all.dim", g("aten::eq.Scalar", x, -kInfinity), g.arg("dim"), true);
  g.result(g.where(masked, 0, y));
}
PF_ALIAS(SpecialSoftmax, "aten::special_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor",
         "aten::softmax.int")
PF_ALIAS(SpecialLogSoftmax, "aten::special_log_softmax(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor",
         "aten::log_softmax.int")

// --- covariance ---

// (x - mean)(w (x - mean))^H / norm. Rows are variables, columns observations; w = f a, where f says
// how often and a how much each counts.
PF_COMPOSITE(Cov,
             "aten::cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor") {
  auto x = g.tensor("self"), f = g.tensor("fweights"), a = g.tensor("aweights"), w = f && a ? f * a : f ? f : a;
  if (x.rank() > 2) g.reject("rank " + std::to_string(x.rank()) + " (expected at most 2)");
  const int64_t correction = g.known_integer("correction");
  x = g.cast(x, float_result(x.dtype()));
  if (x.rank() < 2) x = g.reshape(x, {1, g.numel(x)});
  const std::vector<int64_t> columns{1};
  typename G::Tensor c;
  if (w) {
    auto total = g("aten::sum", w), norm = total - correction;
    if (a) norm = total - g("aten::sum", w * a) * correction / total;
    x = x - g("aten::sum.dim_IntList", x * w, columns, true) / total;
    c = g("aten::mm", x, g("aten::conj", g.permute(x * w, {1, 0}))) / g("portfire::maximum.Scalar", norm, 0);
  } else {
    x = x - g("aten::mean.dim", x, columns, true);
    c = g("aten::mm", x, g("aten::conj", g.permute(x, {1, 0}))) / max(g.size(x, 1) - correction, 0);
  }
  g.result(same(g.size(x, 0), 1) ? g.reshape(c, {}) : c);
}
// cov_ij / sqrt(cov_ii cov_jj), where real within [-1, 1]
PF_COMPOSITE(Corrcoef, "aten::corrcoef(Tensor self) -> Tensor") {
  auto c = g("aten::cov", g.tensor("self"));
  if (c.rank() == 0) return g.result(c / c);
  auto deviation = g("aten::sqrt", g("aten::diagonal", c));
  auto n = g.size(deviation, 0);
  auto r = c / g.reshape(deviation, {n, 1}) / g.reshape(deviation, {1, n});
  g.result(is_complex(r.dtype()) ? r : g("portfire::minimum.Scalar", g("portfire::maximum.Scalar", r, -1), 1));
}

using Ops = OpList<Var, VarDim, Std, StdDim, StdCorrection, VarMean, VarMeanDim, VarMeanCorrection, StdMean, StdMeanDim,
                   StdMeanCorrection, SumToSize, Nansum, Nanmean, Aminmax, CountNonzero, CountNonzeroDims, Logsumexp,
                   SpecialLogsumexp, SafeSoftmax, SpecialSoftmax, SpecialLogSoftmax, Cov, Corrcoef>;

}  // namespace portfire::ops::statistics
