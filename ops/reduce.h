// Reductions over dimensions: sum, prod, mean, amax, amin, any, all, var.
// NaN goes through all of them. `dim` None or [] reduces every dimension (any, all: [] none).
#pragma once

#include "ops/composite.h"
#include "ops/gradients.h"

namespace portfire::ops::reduce {

// d, but 0 where x is: d may be infinite, where the square root of a sum that is 0 is taken. PyTorch's norms and deviations give 0 there.
template <class G, class T>
T unless_0(G& g, T x, T d) {
  return g.where(g("aten::eq.Scalar", x, 0), 0.0, d);
}

// sum_j x_j; integers and bool in i64. `dtype` converts the elements first.
struct Sum {
  static constexpr std::string_view schema =
      "aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    g.give("self", g("aten::expand", with_dims(g, g.grad(), reduced_dims(g, "dim", x.rank()), g.boolean("keepdim")), g.sizes(x)));
  }
};
// sum_j x_j^2 of reals, sum_j x_j over those that are not NaN; in the dtype of x, or in `dtype`.
struct SumSquares {
  static constexpr std::string_view schema =
      "portfire::sum_squares(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Sum::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    auto d = with_dims(g, g.grad(), reduced_dims(g, "dim", x.rank()), g.boolean("keepdim"));
    g.give("self", unless_0(g, x, d * x * 2.0));
  }
};
struct SumNumbers {
  static constexpr std::string_view schema =
      "portfire::sum_numbers(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Sum::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    auto d = with_dims(g, g.grad(), reduced_dims(g, "dim", x.rank()), g.boolean("keepdim"));
    g.give("self", g.where(g("aten::isnan", x), 0.0, d));
  }
};
// sum_j x_j / n
struct Mean {
  static constexpr std::string_view schema =
      "aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    const auto dims = reduced_dims(g, "dim", x.rank());
    typename G::Int n = 1;
    for (int64_t d : dims) n = n * g.size(x, d);
    g.give("self", g("aten::expand", with_dims(g, g.grad(), dims, g.boolean("keepdim")) / n, g.sizes(x)));
  }
};
// prod_j x_j; integers and bool in i64
struct Prod {
  static constexpr std::string_view schema = "aten::prod(Tensor self, *, ScalarType? dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    auto flat = conj_of(g, g.reshape(x, {g.numel(x)}));
    g.give("self", g.reshape(g.grad() * product_of_others(g, flat, 0), g.sizes(x)));
  }
};
struct ProdDim {
  static constexpr std::string_view schema =
      "aten::prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    if (x.rank() == 0) return g.give("self", g.grad());
    const int64_t dim = g.dim("dim", x.rank());
    g.give("self", with_dims(g, g.grad(), {dim}, g.boolean("keepdim")) * product_of_others(g, conj_of(g, x), dim));
  }
};
// max_j x_j
struct Amax {
  static constexpr std::string_view schema = "aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    give_to_extremes(g);
  }
};
// min_j x_j
struct Amin {
  static constexpr std::string_view schema = "aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Amax::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    give_to_extremes(g);
  }
};
// Is some x_j != 0? The result is bool, of u8 it is u8.
struct Any {
  static constexpr std::string_view schema =
      "aten::any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
// Is every x_j != 0?
struct All {
  static constexpr std::string_view schema =
      "aten::all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Any::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
};
// sum_j (x_j - mean)^2 / max(0, n - correction); correction None is 1
struct Var {
  static constexpr std::string_view schema =
      "aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("self");
    const auto dims = reduced_dims(g, "dim", x.rank());
    typename G::Int n = 1;
    for (int64_t d : dims) n = n * g.size(x, d);
    const double correction = g.none("correction") ? 1 : g.real("correction");
    auto d = with_dims(g, g.grad(), dims, g.boolean("keepdim"));
    auto from_mean = x - g("aten::mean.dim", x, dims, true);
    auto each = n.known() ? d * from_mean * (2.0 / std::max(0.0, static_cast<double>(n.fixed) - correction))
                          : d * from_mean * 2.0 / g("aten::sub.Scalar", g.scalar_tensor(n, x.dtype()), correction);
    g.give("self", unless_0(g, from_mean, each));
  }
};

PF_COMPOSITE(SumAll, "aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor") {
  g.result(g("aten::sum.dim_IntList", g.tensor("self"), nullptr, false, g.arg("dtype")));
}
PF_COMPOSITE(MeanAll, "aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor") {
  g.result(g("aten::mean.dim", g.tensor("self"), nullptr, false, g.arg("dtype")));
}
PF_COMPOSITE(AnyAll, "aten::any(Tensor self) -> Tensor") { g.result(g("aten::any.dims", g.tensor("self"))); }
PF_COMPOSITE(AllAll, "aten::all(Tensor self) -> Tensor") { g.result(g("aten::all.dims", g.tensor("self"))); }
PF_COMPOSITE(AnyDim, "aten::any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor") {
  g.result(g("aten::any.dims", g.tensor("self"), g.list(g.arg("dim")), g.arg("keepdim")));
}
PF_COMPOSITE(AllDim, "aten::all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor") {
  g.result(g("aten::all.dims", g.tensor("self"), g.list(g.arg("dim")), g.arg("keepdim")));
}
PF_COMPOSITE(MaxAll, "aten::max(Tensor self) -> Tensor") { g.result(g("aten::amax", g.tensor("self"))); }
PF_COMPOSITE(MinAll, "aten::min(Tensor self) -> Tensor") { g.result(g("aten::amin", g.tensor("self"))); }

using Ops = OpList<Sum, SumSquares, SumNumbers, Mean, Prod, ProdDim, Amax, Amin, Any, All, Var, SumAll, MeanAll, AnyAll, AllAll, AnyDim, AllDim,
                   MaxAll, MinAll>;

}  // namespace portfire::ops::reduce
