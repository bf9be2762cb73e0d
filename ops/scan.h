// Scans: each element of the result is a reduction of the elements up to it along `dim`.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::scan {

// For each element along `dim` the sum of it and those that follow.
template <class G, class T>
T sum_of_rest(G& g, T x, int64_t dim) {
  const std::vector<int64_t> dims{dim};
  return g("aten::flip", g("aten::cumsum", g("aten::flip", x, dims), dim), dims);
}

// y_i = sum of x_j, j <= i; integers and bool in i64. `dtype` converts the elements first.
struct Cumsum {
  static constexpr std::string_view schema = "aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    if (x.rank() == 0) return g.give("self", g.grad());
    g.give("self", sum_of_rest(g, g.grad(), g.dim("dim", x.rank())));
  }
};
// y_i = product of x_j, j <= i
struct Cumprod {
  static constexpr std::string_view schema = "aten::cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Cumsum::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  // dx_i = sum of d_j y_j / x_i, i <= j, before the first 0. There, with 1 in its place, the same; behind it 0.
  template <class G>
  static void gradient(G& g) {
    auto d = g.grad(), y = conj_of(g, g.value()), x = conj_of(g, g.cast(g.tensor("self"), y.dtype()));
    if (x.rank() == 0) return g.give("self", d);
    const int64_t dim = g.dim("dim", x.rank());
    auto zero = g("aten::eq.Scalar", x, 0), zeros = g("aten::cumsum", zero, dim);
    auto first = g("aten::logical_and", zero, g("aten::eq.Scalar", zeros, 1)), x_or_1 = g.where(first, 1.0, x);
    auto at_first = g.where(first, sum_of_rest(g, d * g("aten::cumprod", x_or_1, dim), dim), 0.0);
    g.give("self", g.where(g("aten::eq.Scalar", zeros, 0), sum_of_rest(g, d * y, dim) / x, at_first));
  }
};
// values_i = max of x_j, j <= i; indices_i = the last j that has it. NaN stays.
struct Cummax {
  static constexpr std::string_view schema = "aten::cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, true, true);
  }
};
struct Cummin {
  static constexpr std::string_view schema = "aten::cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Cummax::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    give_to_places(g, true, true);
  }
};
// y_i = log of the sum of exp(x_j), j <= i
struct Logcumsumexp {
  static constexpr std::string_view schema = "aten::logcumsumexp(Tensor self, int dim) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  // dx_i = sum of d_j exp(x_i - y_j), i <= j. By logarithms, for the exponentials may be too large; so negative d by themselves.
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self"), d = g.grad(), y = g.value();
    if (x.rank() == 0) return g.give("self", d);
    const std::vector<int64_t> dim{g.dim("dim", x.rank())};
    const auto of = [&](auto positive) {
      auto logs = g("aten::log", g("aten::relu", positive)) - y;
      return g("aten::exp", g("aten::flip", g("aten::logcumsumexp", g("aten::flip", logs, dim), dim[0]), dim) + x);
    };
    g.give("self", of(d) - of(-d));
  }
};

using Ops = OpList<Cumsum, Cumprod, Cummax, Cummin, Logcumsumexp>;

}  // namespace portfire::ops::scan
