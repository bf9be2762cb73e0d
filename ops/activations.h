// Activation functions with parameters, made of the primitives of ops/pointwise_table.h.
#pragma once

#include "ops/composite.h"

namespace portfire::ops::activations {

// min(max(x, low), high) in x's own dtype.
template <class G, class T>
T clamp_to(G& g, T x, double low, double high) {
  if (low <= high && (x.dtype() == DType::f32 || x.dtype() == DType::f64)) return g("portfire::clamp", x, low, high);
  return g.cast(g("portfire::minimum.Scalar", g("portfire::maximum.Scalar", x, low), high), x.dtype());
}

PF_COMPOSITE(Hardtanh, "aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor") {
  g.result(clamp_to(g, g.tensor("self"), g.real("min_val"), g.real("max_val")));
}
PF_COMPOSITE(Relu6, "aten::relu6(Tensor self) -> Tensor") { g.result(clamp_to(g, g.tensor("self"), 0, 6)); }

// clamp(x + 3, 0, 6) / 6
PF_COMPOSITE(Hardsigmoid, "aten::hardsigmoid(Tensor self) -> Tensor") {
  g.result(g("portfire::hardsigmoid", g.tensor("self")));
}
// x clamp(x + 3, 0, 6) / 6
PF_COMPOSITE(Hardswish, "aten::hardswish(Tensor self) -> Tensor") {
  g.result(g("portfire::hardswish", g.tensor("self")));
}

PF_COMPOSITE(LeakyRelu, "aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor") {
  auto x = g.tensor("self");
  g.result(g.cast(g("portfire::leaky_relu.Scalar", widen(g, x), g.arg("negative_slope")), x.dtype()));
}

// x > 0: scale x; else alpha scale (exp(input_scale x) - 1)
template <class G, class T>
T elu_of(G& g, T x, double alpha, double scale, double input_scale) {
  T w = widen(g, x);
  T negative = g("aten::expm1", input_scale == 1 ? w : w * input_scale) * (alpha * scale);
  return g.cast(g.where(g("aten::gt.Scalar", w, 0), scale == 1 ? w : w * scale, negative), x.dtype());
}
PF_COMPOSITE(Elu, "aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor") {
  g.result(elu_of(g, g.tensor("self"), g.real("alpha"), g.real("scale"), g.real("input_scale")));
}
PF_COMPOSITE(Celu, "aten::celu(Tensor self, Scalar alpha=1.) -> Tensor") {
  const double alpha = g.real("alpha");
  if (alpha == 0) g.reject("alpha is 0 (expected another number)");
  g.result(elu_of(g, g.tensor("self"), alpha, 1, 1 / alpha));
}
// The constants of Klambauer et al., "Self-Normalizing Neural Networks".
PF_COMPOSITE(Selu, "aten::selu(Tensor self) -> Tensor") {
  g.result(elu_of(g, g.tensor("self"), 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1));
}

PF_COMPOSITE(PreluKernel, "aten::_prelu_kernel(Tensor self, Tensor weight) -> Tensor") {
  g.result(g("portfire::leaky_relu", g.tensor("self"), g.tensor("weight")));
}
// One weight for all, or one for each index of dimension 1.
PF_COMPOSITE(Prelu, "aten::prelu(Tensor self, Tensor weight) -> Tensor") {
  auto x = g.tensor("self"), weight = g.tensor("weight");
  if (weight.rank() > 0) {
    auto sizes = g.sizes(x);
    for (int d = 0; d < x.rank(); ++d) sizes[d] = d == 1 ? g.size(weight, 0) : 1;
    weight = g.reshape(weight, sizes);
  }
  g.result(g("aten::_prelu_kernel", x, weight));
}

PF_COMPOSITE(Gelu, "aten::gelu(Tensor self, *, str approximate=\"none\") -> Tensor") {
  const auto form = g.string("approximate");
  if (form != "none" && form != "tanh") g.reject("approximate is \"" + form + "\" (expected none or tanh)");
  g.result(g(form == "tanh" ? "portfire::gelu_tanh" : "portfire::gelu", g.tensor("self")));
}

// log(1 + exp x) where exp x does not overflow to infinity, which tanh takes to 1 all the same.
PF_COMPOSITE(Mish, "aten::mish(Tensor self) -> Tensor") {
  auto x = g.tensor("self"), w = widen(g, x);
  g.result(g.cast(w * g("aten::tanh", g("aten::log1p", g("aten::exp", w))), x.dtype()));
}
// log(1 + exp(beta x)) / beta; x itself where beta x is over the threshold
PF_COMPOSITE(Softplus, "aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor") {
  auto x = g.tensor("self"), w = widen(g, x);
  const double beta = g.real("beta");
  auto scaled = beta == 1 ? w : w * beta;
  auto soft = g("aten::log1p", g("aten::exp", scaled));
  auto y = g.where(g("aten::gt.Scalar", scaled, g.arg("threshold")), w, beta == 1 ? soft : soft / beta);
  g.result(g.cast(y, x.dtype()));
}
// x - sign(x) lambd outside [-lambd, lambd], else 0 (NaN stays)
PF_COMPOSITE(Softshrink, "aten::softshrink(Tensor self, Scalar lambd=0.5) -> Tensor") {
  auto x = g.tensor("self");
  g.result(g.cast(g("portfire::softshrink", widen(g, x), g.arg("lambd")), x.dtype()));
}
PF_COMPOSITE(Hardshrink, "aten::hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor") {
  g.result(g("portfire::hardshrink", g.tensor("self"), g.arg("lambd")));
}
PF_COMPOSITE(Tanhshrink, "aten::tanhshrink(Tensor self) -> Tensor") {
  auto x = g.tensor("self");
  g.result(x - g("aten::tanh", x));
}
// x above the threshold, else value: numbers that an integer dtype cuts off, and a 16-bit one leaves as they are
PF_COMPOSITE(Threshold, "aten::threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor") {
  auto x = g.tensor("self");
  const double threshold = g.real("threshold"), value = g.real("value");
  if (is_floating(x.dtype()))
    return g.result(g.cast(g("portfire::threshold", g.cast(x, compute_dtype(x.dtype())), threshold, value), x.dtype()));
  g.result(g("portfire::threshold", x, static_cast<int64_t>(threshold), static_cast<int64_t>(value)));
}

// log sigmoid(x) = min(x, 0) - log(1 + exp(-|x|)); the second result is exp(-|x|)
PF_COMPOSITE(LogSigmoidForward, "aten::log_sigmoid_forward(Tensor self) -> (Tensor output, Tensor buffer)") {
  auto x = g.tensor("self"), w = widen(g, x);
  // Of -|x| and the smaller of x and 0, chosen so that the slope at 0 is 1/2.
  auto below = g("aten::lt.Scalar", w, 0);
  auto e = g("aten::exp", g.where(below, w, -w));
  auto y = g.where(below, w, 0.0) - g("aten::log1p", e);
  g.results({g.cast(y, x.dtype()), g.cast(e, x.dtype())});
}
PF_COMPOSITE(LogSigmoid, "aten::log_sigmoid(Tensor self) -> Tensor") {
  g.result(g("aten::log_sigmoid_forward", g.tensor("self")));
}

// a sigmoid(b), where a and b are the halves of x along `dim`
PF_COMPOSITE(Glu, "aten::glu(Tensor self, int dim=-1) -> Tensor") {
  auto x = g.tensor("self");
  const int64_t dim = g.dim("dim", x.rank());
  auto n = g.size(x, dim), half = floor_div(n, 2);
  auto a = g("aten::slice.Tensor", x, dim, 0, half), b = g("aten::slice.Tensor", x, dim, half, n);
  g.result(a * g("aten::sigmoid", b));
}

using Ops = OpList<Hardtanh, Relu6, Hardsigmoid, Hardswish, LeakyRelu, Elu, Celu, Selu, PreluKernel, Prelu, Gelu, Mish,
                   Softplus, Softshrink, Hardshrink, Tanhshrink, Threshold, LogSigmoidForward, LogSigmoid, Glu>;

}  // namespace portfire::ops::activations
