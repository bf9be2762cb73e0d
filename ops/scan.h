// Scans: each element of the result is a reduction of the elements up to it along `dim`.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::scan {

// y_i = sum of x_j, j <= i; integers and bool in i64. `dtype` converts the elements first.
struct Cumsum {
  static constexpr std::string_view schema = "aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    if (x.rank() == 0) return g.give("self", g.grad());
    const std::vector<int64_t> dim{g.dim("dim", x.rank())};
    g.give("self", g("aten::flip", g("aten::cumsum", g("aten::flip", g.grad(), dim), dim[0]), dim));
  }
};
// y_i = product of x_j, j <= i
struct Cumprod {
  static constexpr std::string_view schema = "aten::cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Cumsum::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
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
};

using Ops = OpList<Cumsum, Cumprod, Cummax, Cummin, Logcumsumexp>;

}  // namespace portfire::ops::scan
