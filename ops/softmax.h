// aten::_softmax: y_i = exp(x_i - max x) / sum_j exp(x_j - max x) along `dim`.
// aten::_log_softmax: y_i = x_i - max x - log sum_j exp(x_j - max x) along `dim`.
#pragma once

#include "ops/op.h"

namespace portfire::ops::softmax {

struct Softmax {
  static constexpr std::string_view schema = "aten::_softmax(Tensor self, int dim, bool half_to_float) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

struct LogSoftmax {
  static constexpr std::string_view schema = "aten::_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) { return Softmax::infer(a, outs); }
  static Error reference(const Args& a, std::span<TensorView> outs);
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

using Ops = OpList<Softmax, LogSoftmax, SoftmaxInt, LogSoftmaxInt>;

}  // namespace portfire::ops::softmax
