// aten::arange, linspace, logspace: y_i = start + i * step, and base to the power of it.
#pragma once

#include "ops/element.h"
#include "ops/op.h"

namespace portfire::ops::range {

#define PF_OPTIONS "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"

// i64 where start, end and step are integers, else f32.
struct Arange {
  static constexpr std::string_view schema =
      "aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, " PF_OPTIONS ") -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
struct ArangeEnd {
  static constexpr std::string_view schema = "aten::arange(Scalar end, *, " PF_OPTIONS ") -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::arange.start_step", 0, g.arg("end"), 1, g.arg("dtype")));
  }
};
struct ArangeStart {
  static constexpr std::string_view schema = "aten::arange.start(Scalar start, Scalar end, *, " PF_OPTIONS ") -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::arange.start_step", g.arg("start"), g.arg("end"), 1, g.arg("dtype")));
  }
};

// y_i = start + i * (end - start) / (steps - 1)
struct Linspace {
  static constexpr std::string_view schema =
      "aten::linspace(Scalar start, Scalar end, int steps, *, " PF_OPTIONS ") -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
// y_i = base ^ (start + i * (end - start) / (steps - 1))
struct Logspace {
  static constexpr std::string_view schema =
      "aten::logspace(Scalar start, Scalar end, int steps, float base=10., *, " PF_OPTIONS ") -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

// The same with ends that are rank-0 tensors. Counted from the nearer end, as PyTorch does, so that
// both ends are exact.
template <class G>
typename G::Tensor between(G& g) {
  auto start = g.tensor("start"), end = g.tensor("end");
  const int64_t n = g.known_integer("steps");
  const DType to = g.dtype("dtype").value_or(float_of(promote(start.dtype(), end.dtype())));
  const DType wide = to == DType::f64 ? DType::f64 : DType::f32;
  start = g.cast(start, wide), end = g.cast(end, wide);
  auto i = g("aten::arange", n, wide);
  auto step = (end - start) / (n > 1 ? n - 1 : 1);
  auto front = start + i * step, back = end - ((-i) + (n - 1)) * step;
  return n == 1 ? g.reshape(start, {1}) : g.where(g("aten::lt.Scalar", i, n / 2), front, back);
}
#define PF_LINSPACE(type, overload, start, end)                                                                   \
  struct Linspace##type {                                                                                         \
    static constexpr std::string_view schema = "aten::linspace." overload "(" start " start, " end                \
                                               " end, int steps, *, " PF_OPTIONS ") -> Tensor";                   \
    template <class G>                                                                                            \
    static void decompose(G& g) {                                                                                 \
      g.result(g.cast(between(g), g.dtype("dtype").value_or(DType::f32)));                                        \
    }                                                                                                             \
  };                                                                                                              \
  struct Logspace##type {                                                                                         \
    static constexpr std::string_view schema = "aten::logspace." overload "(" start " start, " end                \
                                               " end, int steps, float base=10., *, " PF_OPTIONS ") -> Tensor";   \
    template <class G>                                                                                            \
    static void decompose(G& g) {                                                                                 \
      auto y = g("aten::pow.Scalar", g.real("base"), between(g));                                                 \
      g.result(g.cast(y, g.dtype("dtype").value_or(DType::f32)));                                                 \
    }                                                                                                             \
  };
PF_LINSPACE(TensorTensor, "Tensor_Tensor", "Tensor", "Tensor")
PF_LINSPACE(TensorScalar, "Tensor_Scalar", "Tensor", "Scalar")
PF_LINSPACE(ScalarTensor, "Scalar_Tensor", "Scalar", "Tensor")
#undef PF_LINSPACE

// Unlike arange it includes the end.
struct Range {
  static constexpr std::string_view schema =
      "aten::range.step(Scalar start, Scalar end, Scalar step=1, *, " PF_OPTIONS ") -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
struct RangeNoStep {
  static constexpr std::string_view schema = "aten::range(Scalar start, Scalar end, *, " PF_OPTIONS ") -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::range.step", g.arg("start"), g.arg("end"), 1, g.arg("dtype")));
  }
};

using Ops = OpList<Arange, ArangeEnd, ArangeStart, Linspace, Logspace, LinspaceTensorTensor, LinspaceTensorScalar,
                   LinspaceScalarTensor, LogspaceTensorTensor, LogspaceTensorScalar, LogspaceScalarTensor, Range,
                   RangeNoStep>;

}  // namespace portfire::ops::range
