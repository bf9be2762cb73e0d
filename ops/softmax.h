// aten::_softmax: y_i = exp(x_i - max x) / sum_j exp(x_j - max x) along `dim`.
// aten::_log_softmax: y_i = x_i - max x - log sum_j exp(x_j - max x) along `dim`.
#pragma once

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::softmax {

struct Softmax {
  static constexpr std::string_view schema = "aten::_softmax(Tensor self, int dim, bool half_to_float) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    // Where what follows puts 0 for rows that are hidden whole, which are NaN, nothing may come of them.
    auto d = g.grad(), p = g.value();
    if (auto hidden = hidden_from(g, d)) p = g.where(hidden, 0.0, p);
    g.give("self", g("aten::_softmax_backward_data", d, p, g.arg("dim"), g.tensor("self").dtype()));
  }
};

struct LogSoftmax {
  static constexpr std::string_view schema = "aten::_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Softmax::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::_log_softmax_backward_data", g.grad(), g.value(), g.arg("dim"), g.tensor("self").dtype()));
  }
};

struct SoftmaxInt {
  static constexpr std::string_view schema =
      "aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    if (auto to = g.dtype("dtype")) x = g.cast(x, *to);
    g.result(g("aten::_softmax", x, g.arg("dim"), false));
  }
};

struct LogSoftmaxInt {
  static constexpr std::string_view schema =
      "aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    if (auto to = g.dtype("dtype")) x = g.cast(x, *to);
    g.result(g("aten::_log_softmax", x, g.arg("dim"), false));
  }
};

// The kernels take rows of f32; other gradients are better off with operators that have kernels.
template <class G>
bool has_rows(G& g) {
  const auto y = g.tensor("output");
  return y.dtype() == DType::f32 && *g.dtype("input_dtype") == DType::f32 && y.rank() > 0 && g.dim("dim", y.rank()) + 1 == y.rank();
}
Error infer_backward(const Args& a, std::span<TensorSpec> outs);

// With p the softmax: dx_i = p_i (dy_i - sum_j dy_j p_j)
struct SoftmaxBackward {
  static constexpr std::string_view schema =
      "aten::_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return infer_backward(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static bool whole(G& g) {
    return has_rows(g);
  }
  template <class G>
  static void decompose(G& g) {
    auto p = g.tensor("output"), product = g.tensor("grad_output") * p;
    auto sum = g("aten::sum.dim_IntList", product, g.list(g.arg("dim")), true);
    g.result(g.cast(product - p * sum, *g.dtype("input_dtype")));
  }
};

// With y the logarithm of the softmax: dx_i = dy_i - exp(y_i) sum_j dy_j
struct LogSoftmaxBackward {
  static constexpr std::string_view schema =
      "aten::_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return infer_backward(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static bool whole(G& g) {
    return has_rows(g);
  }
  template <class G>
  static void decompose(G& g) {
    auto dy = g.tensor("grad_output");
    auto sum = g("aten::sum.dim_IntList", dy, g.list(g.arg("dim")), true);
    g.result(g.cast(dy - g("aten::exp", g.tensor("output")) * sum, *g.dtype("input_dtype")));
  }
};

using Ops = OpList<Softmax, LogSoftmax, SoftmaxInt, LogSoftmaxInt, SoftmaxBackward, LogSoftmaxBackward>;

}  // namespace portfire::ops::softmax
