// Matrix products: mm, bmm, addmm, and matmul of any ranks made of them.
#pragma once

#include <cmath>

#include "ops/composite.h"
#include "ops/gradients.h"

namespace portfire::ops::matmul {

// y_ij = sum_k a_ik b_kj
struct Mm {
  static constexpr std::string_view schema = "aten::mm(Tensor self, Tensor mat2) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    if (g.wants("self")) g.give("self", g("aten::mm", g.grad(), g.permute(g.tensor("mat2"), {1, 0})));
    if (g.wants("mat2")) g.give("mat2", g("aten::mm", g.permute(g.tensor("self"), {1, 0}), g.grad()));
  }
};
// mm of each matrix of a batch
struct Bmm {
  static constexpr std::string_view schema = "aten::bmm(Tensor self, Tensor mat2) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    if (g.wants("self")) g.give("self", g("aten::bmm", g.grad(), g.permute(g.tensor("mat2"), {0, 2, 1})));
    if (g.wants("mat2")) g.give("mat2", g("aten::bmm", g.permute(g.tensor("self"), {0, 2, 1}), g.grad()));
  }
};
// beta self + alpha mm(mat1, mat2), where self broadcasts; beta 0 ignores self, NaN and all
struct Addmm {
  static constexpr std::string_view schema =
      "aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void gradient(G& g) {
    auto d = g.grad();
    const double alpha = g.real("alpha"), beta = g.real("beta");
    const auto scaled = [](auto t, double by) { return by == 1 ? t : t * by; };
    if (g.wants("self")) g.give("self", scaled(d, beta));
    if (g.wants("mat1")) g.give("mat1", scaled(g("aten::mm", d, g.permute(g.tensor("mat2"), {1, 0})), alpha));
    if (g.wants("mat2")) g.give("mat2", scaled(g("aten::mm", g.permute(g.tensor("mat1"), {1, 0}), d), alpha));
  }
};

// The products of 16-bit matrices in `out_dtype`.
template <class G, class T>
T cast_to_result(G& g, T x) {
  return g.cast(x, *g.dtype("out_dtype"));
}
PF_COMPOSITE(MmDtype, "aten::mm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor") {
  g.result(g("aten::mm", cast_to_result(g, g.tensor("self")), cast_to_result(g, g.tensor("mat2"))));
}
PF_COMPOSITE(BmmDtype, "aten::bmm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor") {
  g.result(g("aten::bmm", cast_to_result(g, g.tensor("self")), cast_to_result(g, g.tensor("mat2"))));
}

// --- matmul: a vector becomes a matrix and its dimension vanishes again; batches broadcast ---

template <class G, class T>
T batched_product(G& g, T a, T b) {
  auto sizes_a = g.sizes(a), sizes_b = g.sizes(b);
  const auto m = sizes_a[sizes_a.size() - 2], k = sizes_a.back(), n = sizes_b.back();
  sizes_a.resize(sizes_a.size() - 2);
  sizes_b.resize(sizes_b.size() - 2);
  // The batch both broadcast to.
  auto batch = sizes_a.size() < sizes_b.size() ? sizes_b : sizes_a;
  const auto& fewer = sizes_a.size() < sizes_b.size() ? sizes_a : sizes_b;
  for (size_t i = 0; i < fewer.size(); ++i) {
    auto& size = batch[batch.size() - fewer.size() + i];
    if (same(size, 1)) size = fewer[i];
  }
  auto count = batch[0];
  for (size_t i = 1; i < batch.size(); ++i) count = count * batch[i];
  const auto stacked = [&](T x, auto rows, auto columns) {
    auto sizes = batch;
    sizes.push_back(rows);
    sizes.push_back(columns);
    bool alike = x.rank() == static_cast<int>(sizes.size());
    for (int d = 0; alike && d < x.rank(); ++d) alike = same(g.size(x, d), sizes[d]);
    if (!alike) x = g("aten::expand", x, sizes);
    return batch.size() == 1 ? x : g.reshape(x, {count, rows, columns});
  };
  T y = g("aten::bmm", stacked(a, m, k), stacked(b, k, n));
  if (batch.size() == 1) return y;
  batch.push_back(m);
  batch.push_back(n);
  return g.reshape(y, batch);
}

template <class G, class T>
T product(G& g, T a, T b) {
  if (a.rank() == 0 || b.rank() == 0) g.reject("a factor of rank 0 (expected rank 1 or more)");
  const bool row = a.rank() == 1, column = b.rank() == 1;
  if (row) a = g.reshape(a, {1, g.size(a, 0)});
  if (column) b = g.reshape(b, {g.size(b, 0), 1});
  T y;
  if (a.rank() == 2 && b.rank() == 2) {
    y = g("aten::mm", a, b);
  } else if (b.rank() == 2) {
    // The batch is only more rows.
    auto sizes = g.sizes(a);
    auto rows = sizes[0];
    for (int d = 1; d + 1 < a.rank(); ++d) rows = rows * sizes[d];
    y = g("aten::mm", g.reshape(a, {rows, sizes.back()}), b);
    sizes.back() = g.size(b, 1);
    y = g.reshape(y, sizes);
  } else {
    y = batched_product(g, a, b);
  }
  if (!row && !column) return y;
  auto sizes = g.sizes(y);
  if (column) sizes.pop_back();
  if (row) sizes.erase(sizes.end() - (column ? 1 : 2));
  return g.reshape(y, sizes);
}
PF_COMPOSITE(Matmul, "aten::matmul(Tensor self, Tensor other) -> Tensor") {
  g.result(product(g, g.tensor("self"), g.tensor("other")));
}
PF_COMPOSITE(LinalgMatmul, "aten::linalg_matmul(Tensor self, Tensor other) -> Tensor") {
  g.result(product(g, g.tensor("self"), g.tensor("other")));
}
PF_COMPOSITE(Mv, "aten::mv(Tensor self, Tensor vec) -> Tensor") {
  g.result(product(g, g.tensor("self"), g.tensor("vec")));
}
PF_COMPOSITE(Dot, "aten::dot(Tensor self, Tensor tensor) -> Tensor") {
  g.result(product(g, g.tensor("self"), g.tensor("tensor")));
}
// The first factor conjugated
PF_COMPOSITE(Vdot, "aten::vdot(Tensor self, Tensor other) -> Tensor") {
  g.result(product(g, g("aten::conj", g.tensor("self")), g.tensor("other")));
}

// --- sums with products: beta self + alpha product; beta 0 ignores self, NaN and all ---

// Integers take integral factors, bool none.
template <class G, class T>
T scaled(G&, T x, double factor) {
  if (x.dtype() == DType::boolean) factor = 1;
  if (is_integral(x.dtype())) factor = std::trunc(factor);
  if (factor == 1) return x;
  return is_integral(x.dtype()) ? x * static_cast<int64_t>(factor) : x * factor;
}
template <class G, class T>
T add_product(G& g, T product) {
  T x = g.tensor("self"), y = scaled(g, product, g.real("alpha"));
  const double beta = is_integral(y.dtype()) ? std::trunc(g.real("beta")) : g.real("beta");
  if (beta != 0) return scaled(g, x, beta) + y;
  return g("aten::expand", y, broadcast_sizes(g, x, y));
}
PF_COMPOSITE(Addmv, "aten::addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
  g.result(add_product(g, product(g, g.tensor("mat"), g.tensor("vec"))));
}
PF_COMPOSITE(Addr, "aten::addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
  auto a = g.tensor("vec1"), b = g.tensor("vec2");
  g.result(add_product(g, g.reshape(a, {g.size(a, 0), 1}) * g.reshape(b, {1, g.size(b, 0)})));
}
PF_COMPOSITE(Baddbmm,
             "aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
  g.result(add_product(g, g("aten::bmm", g.tensor("batch1"), g.tensor("batch2"))));
}
PF_COMPOSITE(BaddbmmDtype,
             "aten::baddbmm.dtype(Tensor self, Tensor batch1, Tensor batch2, ScalarType out_dtype, *, Scalar beta=1, "
             "Scalar alpha=1) -> Tensor") {
  g.result(add_product(g, g("aten::bmm.dtype", g.tensor("batch1"), g.tensor("batch2"), g.arg("out_dtype"))));
}
PF_COMPOSITE(AddmmDtype,
             "aten::addmm.dtype(Tensor self, Tensor mat1, Tensor mat2, ScalarType out_dtype, *, Scalar beta=1, Scalar "
             "alpha=1) -> Tensor") {
  g.result(add_product(g, g("aten::mm.dtype", g.tensor("mat1"), g.tensor("mat2"), g.arg("out_dtype"))));
}
// sum_b batch1_b batch2_b = [batch1_0 batch1_1 ...] [batch2_0; batch2_1; ...]
PF_COMPOSITE(Addbmm,
             "aten::addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
  auto a = g.tensor("batch1"), b = g.tensor("batch2");
  if (a.rank() != 3 || b.rank() != 3) g.reject("a batch of other rank than 3");
  const auto depth = g.size(a, 0) * g.size(a, 2);
  auto left = g.reshape(g.permute(a, {1, 0, 2}), {g.size(a, 1), depth});
  auto right = g.reshape(b, {depth, g.size(b, 2)});
  g.result(g("aten::addmm", g.tensor("self"), left, right, g.arg("beta"), g.arg("alpha")));
}
PF_COMPOSITE(AddmmActivation,
             "aten::_addmm_activation(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1, bool "
             "use_gelu=False) -> Tensor") {
  auto y = g("aten::addmm", g.tensor("self"), g.tensor("mat1"), g.tensor("mat2"), g.arg("beta"), g.arg("alpha"));
  g.result(g.boolean("use_gelu") ? g("aten::gelu", y) : g("aten::relu", y));
}

using Ops = OpList<Mm, Bmm, Addmm, MmDtype, BmmDtype, Matmul, LinalgMatmul, Mv, Dot, Vdot, Addmv, Addr, Baddbmm,
                   BaddbmmDtype, AddmmDtype, Addbmm, AddmmActivation>;

}  // namespace portfire::ops::matmul
