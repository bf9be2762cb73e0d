// Arithmetic with parameters and rounding modes, made of the primitives of ops/pointwise_table.h,
// and other names of the basic operators.
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include "ops/composite.h"

namespace portfire::ops::arithmetic {

// --- clamp: min(max(x, low), high), each bound optional; NaN stays ---

template <class G, class T>
T clamp_by(G& g, T x, const char* low, const char* high) {
  if (!g.none(low)) x = g("portfire::maximum.Scalar", x, g.arg(low));
  if (!g.none(high)) x = g("portfire::minimum.Scalar", x, g.arg(high));
  return x;
}
template <class G, class T>
T clamp_by_tensors(G& g, T x, const char* low, const char* high) {
  if (!g.none(low)) x = g("aten::maximum", x, g.tensor(low));
  if (!g.none(high)) x = g("aten::minimum", x, g.tensor(high));
  return x;
}
PF_COMPOSITE(Clamp, "aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor") {
  g.result(clamp_by(g, g.tensor("self"), "min", "max"));
}
PF_COMPOSITE(ClampTensor, "aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor") {
  g.result(clamp_by_tensors(g, g.tensor("self"), "min", "max"));
}
PF_COMPOSITE(ClampMin, "aten::clamp_min(Tensor self, Scalar min) -> Tensor") {
  g.result(g("portfire::maximum.Scalar", g.tensor("self"), g.arg("min")));
}
PF_COMPOSITE(ClampMax, "aten::clamp_max(Tensor self, Scalar max) -> Tensor") {
  g.result(g("portfire::minimum.Scalar", g.tensor("self"), g.arg("max")));
}
PF_COMPOSITE(ClampMinTensor, "aten::clamp_min.Tensor(Tensor self, Tensor min) -> Tensor") {
  g.result(g("aten::maximum", g.tensor("self"), g.tensor("min")));
}
PF_COMPOSITE(ClampMaxTensor, "aten::clamp_max.Tensor(Tensor self, Tensor max) -> Tensor") {
  g.result(g("aten::minimum", g.tensor("self"), g.tensor("max")));
}
PF_ALIAS(Clip, "aten::clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", "aten::clamp")
PF_ALIAS(ClipTensor, "aten::clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor",
         "aten::clamp.Tensor")

// --- division with a rounding mode ---

// A floating quotient is rounded to its dtype before it is truncated (0.3f / 0.1f truncates to 3),
// but a 16-bit one by a number only to f32.
template <class G>
auto divide(G& g, const std::string& mode, bool by_scalar) {
  const auto &x = g.arg("self"), &by = g.arg("other");
  if (mode == "floor") return g(by_scalar ? "portfire::div_floor.Scalar" : "portfire::div_floor", x, by);
  auto quotient = g(by_scalar ? "aten::div.Scalar" : "aten::div.Tensor", x, by);
  if (mode.empty()) return quotient;
  if (mode != "trunc") g.reject("rounding_mode is \"" + mode + "\" (expected floor or trunc)");
  auto whole = g(by_scalar ? "portfire::div_trunc.Scalar" : "portfire::div_trunc", x, by);
  if (!is_floating(whole.dtype())) return whole;
  if (by_scalar) quotient = g("aten::div.Scalar", widen(g, g.tensor("self")), by);
  return g.cast(g("aten::trunc", quotient), whole.dtype());
}
PF_COMPOSITE(DivTensorMode, "aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor") {
  g.result(divide(g, g.string("rounding_mode"), false));
}
PF_COMPOSITE(DivScalarMode, "aten::div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor") {
  g.result(divide(g, g.string("rounding_mode"), true));
}
PF_COMPOSITE(FloorDivide, "aten::floor_divide(Tensor self, Tensor other) -> Tensor") {
  g.result(divide(g, "floor", false));
}
PF_COMPOSITE(FloorDivideScalar, "aten::floor_divide.Scalar(Tensor self, Scalar other) -> Tensor") {
  g.result(divide(g, "floor", true));
}
PF_ALIAS(DivideTensor, "aten::divide.Tensor(Tensor self, Tensor other) -> Tensor", "aten::div.Tensor")
PF_ALIAS(DivideScalar, "aten::divide.Scalar(Tensor self, Scalar other) -> Tensor", "aten::div.Scalar")
PF_ALIAS(DivideTensorMode, "aten::divide.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
         "aten::div.Tensor_mode")
PF_ALIAS(DivideScalarMode, "aten::divide.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor",
         "aten::div.Scalar_mode")
PF_ALIAS(TrueDivideTensor, "aten::true_divide.Tensor(Tensor self, Tensor other) -> Tensor", "aten::div.Tensor")
PF_ALIAS(TrueDivideScalar, "aten::true_divide.Scalar(Tensor self, Scalar other) -> Tensor", "aten::div.Scalar")

// --- sums of products ---

// other - alpha self
PF_COMPOSITE(RsubTensor, "aten::rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor") {
  g.result(g("aten::sub.Tensor", g.arg("other"), g.arg("self"), g.arg("alpha")));
}
PF_COMPOSITE(RsubScalar, "aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor") {
  auto x = g.tensor("self");
  const auto& alpha = g.arg("alpha");
  if (!alpha.integer() || *alpha.integer() != 1) x = x * alpha;
  g.result(g("portfire::sub.Scalar_Tensor", g.arg("other"), x));
}

template <class G, class T>
T times(G& g, T x, const char* factor) {
  const auto& value = g.arg(factor);
  return value.integer() && *value.integer() == 1 ? x : x * value;
}
// self + value tensor1 tensor2
PF_COMPOSITE(Addcmul, "aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor") {
  auto x = g.tensor("self"), a = g.tensor("tensor1"), b = g.tensor("tensor2");
  const DType t = promote(promote(x.dtype(), a.dtype()), b.dtype());
  const bool scaled = !g.arg("value").integer() || *g.arg("value").integer() != 1;
  if (!is_floating(t)) return g.result(x + times(g, a, "value") * b);
  if (compute_dtype(t) == t || !scaled) return g.result(g("portfire::addcmul", x, times(g, a, "value"), b));
  g.result(g.cast(g("portfire::addcmul", widen(g, x), times(g, widen(g, a), "value"), widen(g, b)), t));
}
// self + value tensor1 / tensor2
PF_COMPOSITE(Addcdiv, "aten::addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor") {
  auto x = g.tensor("self"), a = g.tensor("tensor1"), b = g.tensor("tensor2");
  auto y = x + times(g, a, "value") / b;
  if (compute_dtype(y.dtype()) != y.dtype()) y = g.cast(widen(g, x) + times(g, widen(g, a), "value") / b, y.dtype());
  g.result(y);
}

// self + weight (end - self), from the nearer end: exact at weight 0 and 1
PF_COMPOSITE(LerpScalar, "aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor") {
  auto x = g.tensor("self"), end = g.tensor("end");
  if (is_complex(x.dtype())) return g.result(x + (end - x) * g.arg("weight"));
  g.result(g.cast(g("portfire::lerp.Scalar", widen(g, x), widen(g, end), g.real("weight")), x.dtype()));
}
PF_COMPOSITE(LerpTensor, "aten::lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor") {
  auto x = g.tensor("self"), end = g.tensor("end"), weight = g.tensor("weight");
  if (is_complex(x.dtype())) return g.result(x + (end - x) * weight);
  g.result(g.cast(g("portfire::lerp", widen(g, x), widen(g, end), widen(g, weight)), x.dtype()));
}

// --- rounding, powers, scaling ---

// Rounds to `decimals` digits after the point (before it, where negative).
PF_COMPOSITE(RoundDecimals, "aten::round.decimals(Tensor self, *, int decimals) -> Tensor") {
  auto x = g.tensor("self");
  const int64_t decimals = g.known_integer("decimals");
  if (decimals == 0) return g.result(g("aten::round", x));
  const double power = std::pow(10.0, static_cast<double>(decimals < 0 ? -decimals : decimals));
  auto w = widen(g, x);
  auto y = decimals < 0 ? g("aten::round", w / power) * power : g("aten::round", w * power) / power;
  g.result(g.cast(y, x.dtype()));
}
PF_COMPOSITE(SpecialRound, "aten::special_round(Tensor self, *, int decimals=0) -> Tensor") {
  g.result(g("aten::round.decimals", g.tensor("self"), g.arg("decimals")));
}
PF_ALIAS(Fix, "aten::fix(Tensor self) -> Tensor", "aten::trunc")

// x^2, of bool in i64
PF_COMPOSITE(Square, "aten::square(Tensor self) -> Tensor") {
  auto x = g.tensor("self");
  g.result(g("portfire::square", x.dtype() == DType::boolean ? g.cast(x, DType::i64) : x));
}
template <class G, class T>
T double_of(G& g, T x) {
  return g.cast(x, is_complex(x.dtype()) ? DType::c128 : DType::f64);
}
PF_COMPOSITE(FloatPowerTensorTensor, "aten::float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor") {
  g.result(g("aten::pow.Tensor_Tensor", double_of(g, g.tensor("self")), double_of(g, g.tensor("exponent"))));
}
PF_COMPOSITE(FloatPowerTensorScalar, "aten::float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor") {
  g.result(g("aten::pow.Tensor_Scalar", double_of(g, g.tensor("self")), g.arg("exponent")));
}
PF_COMPOSITE(FloatPowerScalar, "aten::float_power.Scalar(Scalar self, Tensor exponent) -> Tensor") {
  g.result(g("aten::pow.Scalar", g.arg("self"), double_of(g, g.tensor("exponent"))));
}
// self 2^other
PF_COMPOSITE(Ldexp, "aten::ldexp.Tensor(Tensor self, Tensor other) -> Tensor") {
  g.result(g.tensor("self") * g("aten::pow.Scalar", 2.0, g.tensor("other")));
}
PF_COMPOSITE(Deg2rad, "aten::deg2rad(Tensor self) -> Tensor") {
  g.result(g.tensor("self") * 0.017453292519943295769);
}
PF_COMPOSITE(Rad2deg, "aten::rad2deg(Tensor self) -> Tensor") { g.result(g.tensor("self") * 57.295779513082320877); }

// log(exp a + exp b) = m + log(1 + exp(-|a - b|)), m the greater; equal infinities give themselves
template <class G, class T>
T log_add(G& g, T a, T b, const char* exp, double inverse_log_base) {
  T x = widen(g, a), y = widen(g, b);
  T e = g("aten::log1p", g(exp, -g("aten::abs", x - y)));
  T sum = g("aten::maximum", x, y) + (inverse_log_base == 1 ? e : e * inverse_log_base);
  T infinite = g("aten::logical_and", g("aten::isinf", x), g("aten::eq.Tensor", x, y));
  return g.cast(g.where(infinite, x, sum), promote(a.dtype(), b.dtype()));
}
PF_COMPOSITE(Logaddexp, "aten::logaddexp(Tensor self, Tensor other) -> Tensor") {
  g.result(log_add(g, g.tensor("self"), g.tensor("other"), "aten::exp", 1));
}
PF_COMPOSITE(Logaddexp2, "aten::logaddexp2(Tensor self, Tensor other) -> Tensor") {
  g.result(log_add(g, g.tensor("self"), g.tensor("other"), "aten::exp2", 1.4426950408889634074));
}

// x where the sign of `values` decides at 0: 0 below, 1 above
PF_COMPOSITE(Heaviside, "aten::heaviside(Tensor self, Tensor values) -> Tensor") {
  auto x = g.tensor("self"), values = g.tensor("values");
  auto step = g.cast(g("aten::gt.Scalar", x, 0), x.dtype());
  g.result(g.where(g("aten::eq.Scalar", x, 0), values, step));
}

inline double greatest(DType t) {
  switch (t) {
    case DType::f16: return 65504;
    case DType::bf16: return 0x1.fep127;
    case DType::f32: return std::numeric_limits<float>::max();
    default: return std::numeric_limits<double>::max();
  }
}
PF_COMPOSITE(NanToNum,
             "aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor") {
  auto x = g.tensor("self");
  if (!is_floating(x.dtype())) return g.result(x);
  const double most = greatest(x.dtype());
  // What one replaces is nothing for the other.
  const double nan = real_or(g, "nan", 0);
  if (!std::isinf(nan)) x = g("portfire::replace_nan", x, nan);
  x = g("portfire::replace_inf", x, real_or(g, "posinf", most), real_or(g, "neginf", -most));
  g.result(std::isinf(nan) ? g("portfire::replace_nan", x, nan) : x);
}

// --- other names ---

PF_ALIAS(Absolute, "aten::absolute(Tensor self) -> Tensor", "aten::abs")
PF_ALIAS(Negative, "aten::negative(Tensor self) -> Tensor", "aten::neg")
PF_ALIAS(MultiplyTensor, "aten::multiply.Tensor(Tensor self, Tensor other) -> Tensor", "aten::mul.Tensor")
PF_ALIAS(MultiplyScalar, "aten::multiply.Scalar(Tensor self, Scalar other) -> Tensor", "aten::mul.Scalar")
PF_ALIAS(SubtractTensor, "aten::subtract.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
         "aten::sub.Tensor")
PF_ALIAS(SubtractScalar, "aten::subtract.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
         "aten::sub.Scalar")
PF_ALIAS(Arccos, "aten::arccos(Tensor self) -> Tensor", "aten::acos")
PF_ALIAS(Arccosh, "aten::arccosh(Tensor self) -> Tensor", "aten::acosh")
PF_ALIAS(Arcsin, "aten::arcsin(Tensor self) -> Tensor", "aten::asin")
PF_ALIAS(Arcsinh, "aten::arcsinh(Tensor self) -> Tensor", "aten::asinh")
PF_ALIAS(Arctan, "aten::arctan(Tensor self) -> Tensor", "aten::atan")
PF_ALIAS(Arctanh, "aten::arctanh(Tensor self) -> Tensor", "aten::atanh")
PF_ALIAS(Arctan2, "aten::arctan2(Tensor self, Tensor other) -> Tensor", "aten::atan2")
PF_COMPOSITE(Positive, "aten::positive(Tensor(a) self) -> Tensor(a)") { g.result(g.tensor("self")); }

PF_ALIAS(ConjPhysical, "aten::_conj_physical(Tensor self) -> Tensor", "aten::conj_physical")
PF_COMPOSITE(NegView, "aten::_neg_view(Tensor(a) self) -> Tensor(a)") { g.result(-g.tensor("self")); }

using Ops = OpList<
    Clamp, ClampTensor, ClampMin, ClampMax, ClampMinTensor, ClampMaxTensor, Clip, ClipTensor, DivTensorMode,
    DivScalarMode, FloorDivide, FloorDivideScalar, DivideTensor, DivideScalar, DivideTensorMode, DivideScalarMode,
    TrueDivideTensor, TrueDivideScalar, RsubTensor, RsubScalar, Addcmul, Addcdiv, LerpScalar, LerpTensor, RoundDecimals,
    SpecialRound, Fix, Square, FloatPowerTensorTensor, FloatPowerTensorScalar, FloatPowerScalar, Ldexp, Deg2rad, Rad2deg,
    Logaddexp, Logaddexp2, Heaviside, NanToNum, Absolute, Negative, MultiplyTensor, MultiplyScalar, SubtractTensor,
    SubtractScalar, Arccos, Arccosh, Arcsin, Arcsinh, Arctan, Arctanh, Arctan2, Positive, ConjPhysical,
    NegView>;

}  // namespace portfire::ops::arithmetic
