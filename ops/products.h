// Products of vectors, matrices and tensors made of matmul: outer, inner, tensordot, kron, powers.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "ops/composite.h"

namespace portfire::ops::products {

// y_ij = a_i b_j
template <class G, class T>
T outer_product(G& g, T a, T b) {
  return g.reshape(a, {g.size(a, 0), 1}) * b;
}
PF_COMPOSITE(Outer, "aten::outer(Tensor self, Tensor vec2) -> Tensor") {
  g.result(outer_product(g, g.tensor("self"), g.tensor("vec2")));
}
PF_COMPOSITE(Ger, "aten::ger(Tensor self, Tensor vec2) -> Tensor") {
  g.result(outer_product(g, g.tensor("self"), g.tensor("vec2")));
}

// Sums over dims_a of a and dims_b of b, pair by pair; the other dimensions of a come first. A
// dimension of size 1 broadcasts.
template <class G, class T>
T contract(G& g, T a, T b, std::vector<int64_t> dims_a, std::vector<int64_t> dims_b) {
  if (dims_a.size() != dims_b.size())
    g.reject(std::to_string(dims_a.size()) + " and " + std::to_string(dims_b.size()) + " dims (expected as many)");
  for (size_t i = 0; i < dims_a.size(); ++i) {
    if (dims_a[i] < 0) dims_a[i] += a.rank();
    if (dims_b[i] < 0) dims_b[i] += b.rank();
    const auto size_a = g.size(a, dims_a[i]), size_b = g.size(b, dims_b[i]);
    if (same(size_a, size_b)) continue;
    if (same(size_a, 1)) b = g("aten::sum.dim_IntList", b, std::vector<int64_t>{dims_b[i]}, true, b.dtype());
    else if (same(size_b, 1)) a = g("aten::sum.dim_IntList", a, std::vector<int64_t>{dims_a[i]}, true, a.dtype());
    else g.reject("dimensions of different sizes");
  }
  std::vector<typename G::Int> result;
  // Returns the order with free dimensions before or after the contracted ones.
  const auto order = [&](T x, const std::vector<int64_t>& dims, bool free_first, auto& free, auto& summed) {
    std::vector<int64_t> order;
    for (int64_t d = 0; d < x.rank(); ++d) {
      bool contracted = false;
      for (int64_t s : dims) contracted |= s == d;
      if (contracted) continue;
      order.push_back(d);
      result.push_back(g.size(x, d));
      free = free * g.size(x, d);
    }
    for (int64_t s : dims) summed = summed * g.size(x, s);
    order.insert(free_first ? order.end() : order.begin(), dims.begin(), dims.end());
    return order;
  };
  typename G::Int rows = 1, columns = 1, depth = 1, depth_b = 1;
  const auto order_a = order(a, dims_a, true, rows, depth);
  const auto order_b = order(b, dims_b, false, columns, depth_b);
  T y = g("aten::mm", g.reshape(g.permute(a, order_a), {rows, depth}), g.reshape(g.permute(b, order_b), {depth, columns}));
  return g.reshape(y, result);
}
PF_COMPOSITE(Tensordot,
             "aten::tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor") {
  g.result(contract(g, g.tensor("self"), g.tensor("other"), g.known_ints("dims_self"), g.known_ints("dims_other")));
}
// Over the last dimension of both
PF_COMPOSITE(Inner, "aten::inner(Tensor self, Tensor other) -> Tensor") {
  auto a = g.tensor("self"), b = g.tensor("other");
  g.result(a.rank() == 0 || b.rank() == 0 ? a * b : contract(g, a, b, {-1}, {-1}));
}
PF_COMPOSITE(LinalgVecdot, "aten::linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor") {
  auto product = g("aten::conj", g.tensor("x")) * g.tensor("y");
  g.result(g("aten::sum.dim_IntList", product, g.list(g.arg("dim")), false, product.dtype()));
}
PF_COMPOSITE(Trace, "aten::trace(Tensor self) -> Tensor") {
  g.result(g("aten::sum", g("aten::diagonal", g.tensor("self"))));
}

// Every element of a times all of b: sizes multiply, dimension by dimension.
PF_COMPOSITE(Kron, "aten::kron(Tensor self, Tensor other) -> Tensor") {
  auto a = g.tensor("self"), b = g.tensor("other");
  const int rank = a.rank() > b.rank() ? a.rank() : b.rank();
  auto sizes_a = g.sizes(a), sizes_b = g.sizes(b);
  sizes_a.insert(sizes_a.begin(), static_cast<size_t>(rank - a.rank()), 1);
  sizes_b.insert(sizes_b.begin(), static_cast<size_t>(rank - b.rank()), 1);
  std::vector<typename G::Int> wide_a, wide_b, result;  // [a0, 1, a1, 1, ...], [1, b0, 1, b1, ...]
  for (int d = 0; d < rank; ++d) {
    wide_a.insert(wide_a.end(), {sizes_a[d], 1});
    wide_b.insert(wide_b.end(), {1, sizes_b[d]});
    result.push_back(sizes_a[d] * sizes_b[d]);
  }
  g.result(g.reshape(g.reshape(a, wide_a) * g.reshape(b, wide_b), result));
}

// The product of a chain in the order of fewest multiplications (Cormen et al., "Matrix-chain
// multiplication"), judged by the greatest sizes.
template <class G, class T>
T chain_product(G& g, std::vector<T> factors) {
  if (factors.empty()) g.reject("no matrices");
  if (factors.size() == 1) return factors[0];
  const bool row = factors[0].rank() == 1, column = factors.back().rank() == 1;
  if (row) factors[0] = g.reshape(factors[0], {1, g.size(factors[0], 0)});
  if (column) factors.back() = g.reshape(factors.back(), {g.size(factors.back(), 0), 1});
  const size_t n = factors.size();
  std::vector<double> sizes{static_cast<double>(g.size(factors[0], 0).samples().upper())};
  for (T f : factors) sizes.push_back(static_cast<double>(g.size(f, 1).samples().upper()));
  std::vector<std::vector<double>> cost(n, std::vector<double>(n, 0));
  std::vector<std::vector<size_t>> cut(n, std::vector<size_t>(n, 0));
  for (size_t length = 2; length <= n; ++length)
    for (size_t i = 0; i + length <= n; ++i) {
      const size_t j = i + length - 1;
      for (size_t k = i; k < j; ++k) {
        const double c = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
        if (k == i || c < cost[i][j]) cost[i][j] = c, cut[i][j] = k;
      }
    }
  const auto multiply = [&](auto& self, size_t i, size_t j) -> T {
    if (i == j) return factors[i];
    return g("aten::mm", self(self, i, cut[i][j]), self(self, cut[i][j] + 1, j));
  };
  T y = multiply(multiply, 0, n - 1);
  if (!row && !column) return y;
  auto kept = g.sizes(y);
  if (column) kept.pop_back();
  if (row) kept.erase(kept.begin());
  return g.reshape(y, kept);
}
PF_COMPOSITE(ChainMatmul, "aten::chain_matmul(Tensor[] matrices) -> Tensor") {
  g.result(chain_product(g, g.tensors("matrices")));
}
PF_COMPOSITE(LinalgMultiDot, "aten::linalg_multi_dot(Tensor[] tensors) -> Tensor") {
  g.result(chain_product(g, g.tensors("tensors")));
}

// x^n by repeated squaring; x^0 is the identity
template <class G>
auto matrix_power(G& g) {
  auto x = g.tensor("self");
  int64_t n = g.known_integer("n");
  if (n < 0) g.refuse("a negative power of a matrix needs its inverse");
  if (n == 0) return g("aten::expand", g("aten::eye", g.size(x, -1), x.dtype()), g.sizes(x));
  typename G::Tensor y;
  for (;; x = g("aten::matmul", x, x)) {
    if (n & 1) y = y ? g("aten::matmul", y, x) : x;
    if ((n >>= 1) == 0) return y;
  }
}
PF_COMPOSITE(MatrixPower, "aten::matrix_power(Tensor self, int n) -> Tensor") { g.result(matrix_power(g)); }
PF_COMPOSITE(LinalgMatrixPower, "aten::linalg_matrix_power(Tensor self, int n) -> Tensor") {
  g.result(matrix_power(g));
}

// a x b = a' b'' - a'' b', where ' moves components one place to the front
template <class G, class T>
T cross_product(G& g, T a, T b, int64_t dim) {
  const auto moved = [&](T x) {
    auto rest = g("aten::slice.Tensor", x, dim, 1, 3), first = g("aten::slice.Tensor", x, dim, 0, 1);
    return g("aten::cat", g.list(rest, first), dim);
  };
  T a1 = moved(a), b1 = moved(b);
  return a1 * moved(b1) - moved(a1) * b1;
}
PF_COMPOSITE(LinalgCross, "aten::linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor") {
  g.result(cross_product(g, g.tensor("self"), g.tensor("other"), g.known_integer("dim")));
}
// `dim` None is the first of size 3.
PF_COMPOSITE(Cross, "aten::cross(Tensor self, Tensor other, int? dim=None) -> Tensor") {
  auto a = g.tensor("self"), b = g.tensor("other");
  int64_t dim = 0;
  if (!g.none("dim")) {
    dim = g.known_integer("dim");
  } else {
    while (dim < a.rank() && !same(g.size(a, dim), 3)) ++dim;
    if (dim == a.rank()) g.reject("no dimension of size 3");
  }
  g.result(cross_product(g, a, b, dim));
}

// y_no = sum_ij a_ni w_oij b_nj + bias_o
PF_COMPOSITE(Bilinear, "aten::bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor") {
  auto a = g.tensor("input1"), b = g.tensor("input2"), w = g.tensor("weight"), bias = g.tensor("bias");
  const auto outs = g.size(w, 0), in1 = g.size(w, 1), in2 = g.size(w, 2);
  auto left = g("aten::matmul", a, g.reshape(g.permute(w, {1, 0, 2}), {in1, outs * in2}));
  auto sizes = g.sizes(a);
  sizes.back() = outs;
  sizes.push_back(in2);
  auto products = g.reshape(left, sizes) * g("aten::unsqueeze", b, -2);
  auto y = g("aten::sum.dim_IntList", products, std::vector<int64_t>{-1});
  g.result(bias ? y + bias : y);
}

// The product of three tensors, each with dimensions of size 1 put in, summed over `sumdim`
PF_COMPOSITE(Trilinear,
             "aten::_trilinear(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] "
             "sumdim, int unroll_dim=1) -> Tensor") {
  const auto expanded = [&](const char* factor, const char* dims) {
    auto x = g.tensor(factor);
    std::vector<int64_t> at = g.known_ints(dims);
    std::sort(at.begin(), at.end());
    for (int64_t d : at) x = g("aten::unsqueeze", x, d);
    return x;
  };
  auto y = expanded("i1", "expand1") * expanded("i2", "expand2") * expanded("i3", "expand3");
  const auto sum = g.known_ints("sumdim");
  g.result(sum.empty() ? y : g("aten::sum.dim_IntList", y, sum));
}

using Ops = OpList<Outer, Ger, Tensordot, Inner, LinalgVecdot, Trace, Kron, ChainMatmul, LinalgMultiDot, MatrixPower,
                   LinalgMatrixPower, LinalgCross, Cross, Bilinear, Trilinear>;

}  // namespace portfire::ops::products
