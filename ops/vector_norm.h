// Norms: ||x||_p = (sum_j |x_j|^p)^(1/p); p = 0 counts nonzero elements, +-inf takes the greatest or
// least. And what is made of them: distances, cosine similarity, renorm.
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include "ops/composite.h"

namespace portfire::ops::vector_norm {

template <class G, class T>
bool is_empty(G& g, T x) {
  bool empty = false;
  for (int d = 0; d < x.rank(); ++d) empty |= same(g.size(x, d), 0);
  return empty;
}
// max_j x_j of magnitudes, 0 where there is none.
template <class G, class T>
T greatest(G& g, T x, const std::vector<int64_t>& dims, bool keepdim) {
  return g(is_empty(g, x) ? "aten::sum.dim_IntList" : "aten::amax", x, dims, keepdim);
}

// Over `dims`; an empty list means all.
template <class G, class T>
T norm_of(G& g, T x, double p, const std::vector<int64_t>& dims, bool keepdim) {
  const DType result = real_of(x.dtype());
  const auto dim = dims.empty() ? G::to_arg(nullptr) : G::to_arg(dims);
  const auto sum = [&](T v) { return g("aten::sum.dim_IntList", v, dim, keepdim); };
  T w = widen(g, x), size = g("aten::abs", w), y;
  if (p == std::numeric_limits<double>::infinity()) {
    y = greatest(g, size, dims, keepdim);
  } else if (p == -std::numeric_limits<double>::infinity()) {
    y = g("aten::amin", size, dims, keepdim);
  } else if (p == 0) {
    y = sum(g.cast(g("aten::ne.Scalar", size, 0), size.dtype()));
  } else if (p == 1) {
    y = sum(size);
  } else if (p == 2) {
    const bool real = is_floating(x.dtype());
    y = g("aten::sqrt", real ? g("portfire::sum_squares", x, dim, keepdim, w.dtype()) : sum(size * size));
  } else {
    // 0 apart: it has the gradient 0 here.
    const auto power = [&](T v, double e) {
      T zero = g("aten::eq.Scalar", v, 0);
      return g.where(zero, e > 0 ? 0.0 : std::numeric_limits<double>::infinity(), g("aten::pow.Tensor_Scalar", g.where(zero, 1.0, v), e));
    };
    y = power(sum(power(size, p)), 1 / p);
  }
  return g.cast(y, result);
}
template <class G>
auto input(G& g, const char* name = "self") {
  auto x = g.tensor(name);
  auto dtype = g.dtype("dtype");
  return dtype ? g.cast(x, *dtype) : x;
}

PF_COMPOSITE(LinalgVectorNorm,
             "aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, "
             "ScalarType? dtype=None) -> Tensor") {
  g.result(norm_of(g, input(g), g.real("ord"), g.known_ints("dim"), g.boolean("keepdim")));
}
PF_COMPOSITE(NormScalar, "aten::norm.Scalar(Tensor self, Scalar p=2) -> Tensor") {
  g.result(norm_of(g, g.tensor("self"), g.real("p"), {}, false));
}
PF_COMPOSITE(NormDim, "aten::norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor") {
  g.result(norm_of(g, g.tensor("self"), real_or(g, "p", 2), g.known_ints("dim"), g.boolean("keepdim")));
}
PF_COMPOSITE(NormDtype, "aten::norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor") {
  g.result(norm_of(g, input(g), real_or(g, "p", 2), {}, false));
}
PF_COMPOSITE(NormDimDtype,
             "aten::norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) "
             "-> Tensor") {
  g.result(norm_of(g, input(g), real_or(g, "p", 2), g.known_ints("dim"), g.boolean("keepdim")));
}
PF_COMPOSITE(FrobeniusNorm, "aten::frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor") {
  g.result(norm_of(g, g.tensor("self"), 2, g.known_ints("dim"), g.boolean("keepdim")));
}
// One norm for each index of `dim`; the result keeps all dimensions. -1: one for all.
PF_COMPOSITE(NormExceptDim, "aten::norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor") {
  auto v = g.tensor("v");
  const int64_t dim = g.known_integer("dim");
  std::vector<int64_t> others;
  for (int d = 0; d < v.rank(); ++d)
    if (d != dim) others.push_back(d);
  if (others.empty()) return g.result(g("aten::abs", v));
  g.result(norm_of(g, v, g.real("pow"), dim == -1 ? std::vector<int64_t>{} : others, dim != -1));
}

// --- norms of matrices, those that need no singular values ---

// What singular values decide, known only where there are none: 0.
template <class G, class T>
T of_singular_values(G& g, T x, const std::string& what, const std::vector<int64_t>& dims, bool keepdim) {
  if (!is_empty(g, x)) g.refuse(what + " needs singular values");
  return g("aten::sum.dim_IntList", g("aten::abs", x), dims, keepdim);
}
// ord 1, -1: greatest, least sum of a column's magnitudes; inf, -inf: of a row's.
template <class G, class T>
T matrix_norm(G& g, T x, double ord, std::vector<int64_t> dims, bool keepdim) {
  const double order = std::fabs(ord);
  for (int64_t& d : dims) d += d < 0 ? x.rank() : 0;
  if (dims.size() != 2) g.reject(std::to_string(dims.size()) + " dims (expected 2)");
  if (order == 2) return of_singular_values(g, x, "matrix norm of order 2", dims, keepdim);
  if (order != 1 && !std::isinf(order)) g.reject("matrix norm of order " + std::to_string(ord));
  if (order != 1) std::swap(dims[0], dims[1]);
  T sums = g("aten::sum.dim_IntList", g("aten::abs", x), std::vector<int64_t>{dims[0]}, keepdim);
  const std::vector<int64_t> rest{dims[1] - (!keepdim && dims[1] > dims[0])};
  return ord > 0 ? greatest(g, sums, rest, keepdim) : g("aten::amin", sums, rest, keepdim);
}
template <class G, class T>
T named_matrix_norm(G& g, T x, const std::string& ord, const std::vector<int64_t>& dims, bool keepdim) {
  if (ord == "nuc") return of_singular_values(g, x, "nuclear norm", dims, keepdim);
  if (ord != "fro") g.reject("matrix norm \"" + ord + "\" (expected fro or nuc)");
  return norm_of(g, x, 2, dims, keepdim);
}
PF_COMPOSITE(LinalgMatrixNorm,
             "aten::linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, "
             "ScalarType? dtype=None) -> Tensor") {
  g.result(matrix_norm(g, input(g), g.real("ord"), g.known_ints("dim"), g.boolean("keepdim")));
}
PF_COMPOSITE(LinalgMatrixNormNamed,
             "aten::linalg_matrix_norm.str_ord(Tensor self, str ord=\"fro\", int[] dim=[-2, -1], bool keepdim=False, "
             "*, ScalarType? dtype=None) -> Tensor") {
  g.result(named_matrix_norm(g, input(g), g.string("ord"), g.known_ints("dim"), g.boolean("keepdim")));
}
// Of a vector or a matrix, by the number of dims, or by the rank where only `ord` is given.
PF_COMPOSITE(LinalgNorm,
             "aten::linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? "
             "dtype=None) -> Tensor") {
  auto x = input(g);
  auto dims = g.known_ints("dim");
  const bool matrix = !g.none("ord") && (dims.size() == 2 || (dims.empty() && x.rank() == 2));
  if (!matrix) return g.result(norm_of(g, x, real_or(g, "ord", 2), dims, g.boolean("keepdim")));
  if (dims.empty()) dims = {0, 1};
  g.result(matrix_norm(g, x, g.real("ord"), dims, g.boolean("keepdim")));
}
PF_COMPOSITE(LinalgNormNamed,
             "aten::linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? "
             "dtype=None) -> Tensor") {
  g.result(named_matrix_norm(g, input(g), g.string("ord"), g.known_ints("dim"), g.boolean("keepdim")));
}

#define PF_MATRIX_RANK(type, overload, matrix, arguments)                                             \
  PF_COMPOSITE(type, "aten::linalg_matrix_rank" overload "(Tensor " matrix ", " arguments ") -> Tensor") { \
    auto x = g.tensor(matrix);                                                                        \
    const std::vector<int64_t> last{-2, -1};                                                          \
    g.result(g.cast(of_singular_values(g, x, "rank", last, false), DType::i64));                      \
  }
PF_MATRIX_RANK(MatrixRank, "", "self", "float tol, bool hermitian=False")
PF_MATRIX_RANK(MatrixRankTol, ".tol_tensor", "input", "Tensor tol, bool hermitian=False")
PF_MATRIX_RANK(MatrixRankTensors, ".atol_rtol_tensor", "input",
               "*, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False")
PF_MATRIX_RANK(MatrixRankFloats, ".atol_rtol_float", "self",
               "*, float? atol=None, float? rtol=None, bool hermitian=False")
#undef PF_MATRIX_RANK

// --- made of norms ---

PF_COMPOSITE(Dist, "aten::dist(Tensor self, Tensor other, Scalar p=2) -> Tensor") {
  g.result(norm_of(g, g.tensor("self") - g.tensor("other"), g.real("p"), {}, false));
}
PF_COMPOSITE(PairwiseDistance,
             "aten::pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool "
             "keepdim=False) -> Tensor") {
  auto difference = g.tensor("x1") - g.tensor("x2") + g.real("eps");
  g.result(norm_of(g, difference, g.real("p"), {difference.rank() - 1}, g.boolean("keepdim")));
}
// sum_j x_j y_j / (max(|x|, eps) max(|y|, eps)) along `dim`
PF_COMPOSITE(CosineSimilarity,
             "aten::cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor") {
  auto x = g.tensor("x1"), y = g.tensor("x2");
  const int rank = x.rank() > y.rank() ? x.rank() : y.rank();
  const int64_t dim = g.dim("dim", rank) - rank;  // from the back: the operands broadcast
  const DType dtype = promote(x.dtype(), y.dtype());
  const auto unit = [&](typename G::Tensor v) {
    // An operand that lacks the dimension broadcasts along it before its norm is taken.
    std::vector<int64_t> lead(static_cast<size_t>(rank - v.rank()), 0);
    for (int64_t d : lead) v = g("aten::unsqueeze", v, d);
    v = g("aten::expand", v, broadcast_sizes(g, x, y));
    v = g.cast(v, dtype);
    return v / g("portfire::maximum.Scalar", norm_of(g, v, 2, {dim}, true), g.real("eps"));
  };
  g.result(g("aten::sum.dim_IntList", unit(x) * unit(y), std::vector<int64_t>{dim}));
}
// Each slice along `dim` scaled down to norm `maxnorm` where it has a greater one
PF_COMPOSITE(Renorm, "aten::renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor") {
  auto x = g.tensor("self"), w = widen(g, x);
  const int64_t dim = g.dim("dim", x.rank());
  std::vector<int64_t> others;
  for (int d = 0; d < x.rank(); ++d)
    if (d != dim) others.push_back(d);
  auto norm = norm_of(g, w, g.real("p"), others, true);
  auto factor = g("portfire::div.Scalar_Tensor", g.arg("maxnorm"), norm + 1e-7);
  factor = g.where(g("aten::gt.Scalar", norm, g.arg("maxnorm")), factor, 1.0);
  g.result(g.cast(w * factor, x.dtype()));
}

using Ops = OpList<LinalgVectorNorm, NormScalar, NormDim, NormDtype, NormDimDtype, FrobeniusNorm, NormExceptDim,
                   LinalgMatrixNorm, LinalgMatrixNormNamed, LinalgNorm, LinalgNormNamed, MatrixRank, MatrixRankTol,
                   MatrixRankTensors, MatrixRankFloats, Dist, PairwiseDistance,
                   CosineSimilarity, Renorm>;

}  // namespace portfire::ops::vector_norm
