// Derivatives of the element-wise operators in ops/pointwise_table.h, as PyTorch defines them where they jump: what is cut
// off gives 0, equal operands of a maximum share. Only the host instantiates this. Functions of complex numbers have the rules of
// real ones, which read conjugates: conj(f'(z)) = f'(conj z) for what is real on the real line.
#pragma once

#include <cmath>
#include <string_view>

#include "ops/gradients.h"

namespace portfire::ops {

inline constexpr double kLn2 = 0.69314718055994530942, kLn10 = 2.30258509299404568402, kTwoOverSqrtPi = 1.12837916709551257390,
                        kSqrtHalfPi = 1.25331413731550025121, kSqrtOfHalf = 0.70710678118654752440;

// d where the condition holds, else 0.
template <class G, class T>
T where_or_0(G& g, T condition, T d) {
  return g.where(condition, d, 0.0);
}

// Of entries whose result is 0 but for jumps; of predicates too.
inline bool is_step_function(std::string_view e) {
  for (std::string_view name : {"sign", "sgn", "ceil", "floor", "trunc", "round", "div_trunc", "div_floor", "isnan", "isinf", "logical_not", "logical_and",
                                "logical_or", "logical_xor", "eq", "ne", "lt", "le", "gt", "ge", "bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor",
                                "bitwise_left_shift", "bitwise_right_shift", "gcd", "lcm", "angle"})
    if (e == name) return true;
  return false;
}

// 0.5 (1 + erf(x / sqrt 2)) + x exp(-x^2 / 2) / sqrt(2 pi)
template <class G, class T>
T gelu_slope(G& g, T x) {
  auto below = (g("aten::erf", x * kSqrtOfHalf) + 1.0) * 0.5;
  auto density = g("aten::exp", x * x * -0.5) * (0.5 / kSqrtHalfPi);
  return below + x * density;
}
// Of 0.5 x (1 + tanh u), u = sqrt(2 / pi) (x + 0.044715 x^3)
template <class G, class T>
T gelu_tanh_slope(G& g, T x) {
  const double c = 1 / kSqrtHalfPi;
  auto square = x * x;
  auto t = g("aten::tanh", x * (square * 0.044715 + 1.0) * c);
  auto inner = square * (3 * 0.044715 * c) + c;
  return (t + 1.0) * 0.5 + x * (g("aten::neg", t * t) + 1.0) * inner * 0.5;
}

// The derivative of a function of one operand times d; false where the entry is none of these. r: its value.
template <class G, class T>
T unary_gradient(G& g, std::string_view e, T x, T r, T d) {
  const auto one_minus = [&](T v) { return -v + 1.0; };
  if (e == "neg") return -d;
  if (e == "abs") return d * g("aten::sign", x);
  if (e == "frac") return d;
  if (e == "square") return d * x * 2.0;
  if (e == "relu") return where_or_0(g, g("aten::gt.Scalar", r, 0), d);  // as for x, which need not be kept
  if (e == "reciprocal") return -(d * r * r);
  if (e == "sqrt") return d / (r * 2.0);
  if (e == "rsqrt") return d * r * r * r * -0.5;
  if (e == "exp") return d * r;
  if (e == "exp2") return d * r * kLn2;
  if (e == "expm1") return d * (r + 1.0);
  if (e == "log") return d / x;
  if (e == "log2") return d / (x * kLn2);
  if (e == "log10") return d / (x * kLn10);
  if (e == "log1p") return d / (x + 1.0);
  if (e == "sin") return d * g("aten::cos", x);
  if (e == "cos") return -(d * g("aten::sin", x));
  if (e == "tan") return d * (r * r + 1.0);
  if (e == "asin") return d * g("aten::rsqrt", one_minus(x * x));
  if (e == "acos") return -(d * g("aten::rsqrt", one_minus(x * x)));
  if (e == "atan") return d / (x * x + 1.0);
  if (e == "sinh") return d * g("aten::cosh", x);
  if (e == "cosh") return d * g("aten::sinh", x);
  if (e == "tanh") return d * one_minus(r * r);
  if (e == "asinh") return d * g("aten::rsqrt", x * x + 1.0);
  if (e == "acosh") return d * g("aten::rsqrt", (x - 1.0) * (x + 1.0));
  if (e == "atanh") return d / one_minus(x * x);
  if (e == "erf") return d * g("aten::exp", -(x * x)) * kTwoOverSqrtPi;
  if (e == "erfc") return d * g("aten::exp", -(x * x)) * -kTwoOverSqrtPi;
  if (e == "erfinv") return d * g("aten::exp", r * r) / kTwoOverSqrtPi;
  if (e == "lgamma") return d * g("aten::digamma", x);
  if (e == "digamma") return d * g("aten::polygamma", 1, x);
  if (e == "sigmoid") return d * one_minus(r) * r;
  if (e == "silu") {
    auto s = g("aten::sigmoid", x);
    return d * s * (x * one_minus(s) + 1.0);
  }
  if (e == "gelu") return d * gelu_slope(g, x);
  if (e == "gelu_tanh") return d * gelu_tanh_slope(g, x);
  if (e == "i0") return d * g("aten::special_i1", x);
  if (e == "i0e") return d * (g("aten::special_i1e", x) - g("aten::sign", x) * r);
  if (e == "i1") return d * g.where(g("aten::eq.Scalar", x, 0), 0.5, g("aten::i0", x) - r / x);
  if (e == "i1e") return d * g.where(g("aten::eq.Scalar", x, 0), 0.5, g("aten::special_i0e", x) - r * (g("aten::sign", x) + g("aten::reciprocal", x)));
  if (e == "hardsigmoid") return where_or_0(g, g("aten::lt.Scalar", g("aten::abs", x), 3.0), d) / 6.0;
  if (e == "hardswish") {
    auto inside = g.where(g("aten::lt.Scalar", x, 3.0), d * (x / 3.0 + 0.5), d);
    return g.where(g("aten::le.Scalar", x, -3.0), 0.0, inside);
  }
  return {};
}

// Gives the gradients of operands x and y (and z); false where the entry is none of these.
template <class G>
bool give_several(G& g, std::string_view e) {
  auto d = g.grad();
  const auto x = [&] { return conj_of(g, g.operand(0)); };
  const auto y = [&] { return conj_of(g, g.operand(1)); };
  const auto z = [&] { return conj_of(g, g.operand(2)); };
  const auto value = [&] { return conj_of(g, g.value()); };
  if (e == "add" || e == "sub") {
    const double alpha = g.has_arg("alpha") ? g.real("alpha") : 1;
    g.give_at(0, d);
    if (g.wants_at(1)) g.give_at(1, d * (e == "add" ? alpha : -alpha));
  } else if (e == "mul") {
    if (g.wants_at(0)) g.give_at(0, d * y());
    if (g.wants_at(1)) g.give_at(1, d * x());
  } else if (e == "div") {
    if (g.wants_at(0)) g.give_at(0, d / y());
    if (g.wants_at(1)) g.give_at(1, -(d * (value() / y())));
  } else if (e == "fmod" || e == "remainder") {
    g.give_at(0, d);
    if (g.wants_at(1)) g.give_at(1, -(d * g(e == "fmod" ? "aten::trunc" : "aten::floor", x() / y())));
  } else if (e == "pow") {
    if (g.wants_at(0)) {
      auto slope = y() * g("aten::pow.Tensor_Tensor", x(), y() - 1.0);
      g.give_at(0, d * g.where(g("aten::eq.Scalar", y(), 0), 0.0, slope));
    }
    if (g.wants_at(1)) {
      auto of_0 = g("aten::logical_and", g("aten::eq.Scalar", x(), 0), g("aten::ge.Scalar", g("aten::real", y()), 0));
      g.give_at(1, d * g.where(of_0, 0.0, value() * g("aten::log", x())));
    }
  } else if (e == "atan2") {
    auto squares = x() * x() + y() * y();
    if (g.wants_at(0)) g.give_at(0, d * y() / squares);
    if (g.wants_at(1)) g.give_at(1, -(d * x()) / squares);
  } else if (e == "hypot") {
    if (g.wants_at(0)) g.give_at(0, d * x() / value());
    if (g.wants_at(1)) g.give_at(1, d * y() / value());
  } else if (e == "copysign") {
    if (g.wants_at(0)) g.give_at(0, d * g.where(g("aten::eq.Scalar", x(), 0), 0.0, value() / x()));
  } else if (e == "nextafter") {  // the second only says where to
    g.give_at(0, g.where(g("aten::eq.Tensor", x(), y()), 0.0, d));
  } else if (e == "maximum" || e == "minimum") {
    const bool max = e == "maximum";
    if (!g.arg_is_tensor(1)) {  // a bound
      g.give_at(0, where_or_0(g, g(max ? "aten::ge.Scalar" : "aten::le.Scalar", x(), g.arg("other")), d));
      return true;
    }
    auto shared = g.where(g("aten::eq.Tensor", x(), y()), d * 0.5, d);
    if (g.wants_at(0)) g.give_at(0, g.where(g(max ? "aten::lt.Tensor" : "aten::gt.Tensor", x(), y()), 0.0, shared));
    if (g.wants_at(1)) g.give_at(1, g.where(g(max ? "aten::gt.Tensor" : "aten::lt.Tensor", x(), y()), 0.0, shared));
  } else if (e == "fmax" || e == "fmin") {
    auto first = g("aten::logical_or", g(e == "fmax" ? "aten::ge.Tensor" : "aten::le.Tensor", x(), y()), g("aten::isnan", y()));
    if (g.wants_at(0)) g.give_at(0, where_or_0(g, first, d));
    if (g.wants_at(1)) g.give_at(1, g.where(first, 0.0, d));
  } else if (e == "where") {
    if (g.wants_at(1)) g.give_at(1, where_or_0(g, g.tensor("condition"), d));
    if (g.wants_at(2)) g.give_at(2, g.where(g.tensor("condition"), 0.0, d));
  } else if (e == "threshold") {
    g.give_at(0, g.where(g("aten::le.Scalar", x(), g.arg("threshold")), 0.0, d));
  } else if (e == "clamp") {  // within the bounds as x is; NaN stays
    auto outside = g("aten::logical_or", g("aten::le.Scalar", value(), g.arg("min")), g("aten::ge.Scalar", value(), g.arg("max")));
    g.give_at(0, g.where(outside, 0.0, d));
  } else if (e == "leaky_relu") {
    auto above = g("aten::gt.Scalar", x(), 0);
    if (g.wants_at(0)) g.give_at(0, g.where(above, d, d * y()));
    if (g.wants_at(1)) g.give_at(1, g.where(above, 0.0, d * x()));
  } else if (e == "hardshrink" || e == "softshrink") {
    g.give_at(0, g.where(g("aten::le.Scalar", g("aten::abs", x()), g.arg("lambd")), 0.0, d));
  } else if (e == "replace_nan") {
    g.give_at(0, g.where(g("aten::isnan", x()), 0.0, d));
  } else if (e == "replace_inf") {
    g.give_at(0, g.where(g("aten::isinf", x()), 0.0, d));
  } else if (e == "lerp") {
    if (g.wants_at(0)) g.give_at(0, d * (-z() + 1.0));
    if (g.wants_at(1)) g.give_at(1, d * z());
    if (g.wants_at(2)) g.give_at(2, d * (y() - x()));
  } else if (e == "addcmul") {
    g.give_at(0, d);
    if (g.wants_at(1)) g.give_at(1, d * z());
    if (g.wants_at(2)) g.give_at(2, d * y());
  } else if (e == "smooth_l1" || e == "huber") {
    auto difference = x() - y(), sign = g("aten::sign", difference);
    const auto& bound = g.arg(e == "huber" ? "delta" : "beta");
    auto near = g(e == "huber" ? "aten::le.Scalar" : "aten::lt.Scalar", g("aten::abs", difference), bound);
    auto slope = e == "huber" ? g.where(near, difference, sign * bound) : g.where(near, difference / bound, sign);
    if (g.wants_at(0)) g.give_at(0, d * slope);
    if (g.wants_at(1)) g.give_at(1, -(d * slope));
  } else {
    return false;
  }
  return true;
}

// Of those that are not holomorphic, with u = z / |z|, 0 at 0; false where the entry is none of these or z is real.
template <class G>
bool give_of_complex(G& g, std::string_view e) {
  if (e != "abs" && e != "angle" && e != "sgn") return false;
  auto z = g.operand(0), d = g.grad();
  if (!is_complex(z.dtype())) return false;
  auto size = g("aten::abs", z), unit = g("aten::sgn", z);
  if (e == "abs") {
    g.give_at(0, d * unit);
    return true;
  }
  const float i[] = {0, 1};
  const double wide_i[] = {0, 1};
  const void* turn = z.dtype() == DType::c128 ? static_cast<const void*>(wide_i) : i;
  auto across = e == "angle" ? d * g.constant(z.dtype(), {}, turn) * unit : d - unit * g("aten::real", d * conj_of(g, unit));
  g.give_at(0, g.where(g("aten::eq.Scalar", size, 0), 0.0, across / size));
  return true;
}

template <class G>
void pointwise_gradient(G& g, std::string_view entry) {
  if (give_of_complex(g, entry) || is_step_function(entry) || give_several(g, entry)) return;
  auto d = unary_gradient(g, entry, conj_of(g, g.operand(0)), conj_of(g, g.value()), g.grad());
  if (!d) g.refuse("has no gradient");
  g.give_at(0, d);
}

}  // namespace portfire::ops
