// Predicates beyond the primitives of ops/pointwise_table.h, and other names of those.
#pragma once

#include <limits>

#include "ops/composite.h"

namespace portfire::ops::comparison {

#define PF_ALIAS_BOTH(type, name, target)                                                                     \
  PF_ALIAS(type##Tensor, "aten::" name ".Tensor(Tensor self, Tensor other) -> Tensor", "aten::" target ".Tensor") \
  PF_ALIAS(type##Scalar, "aten::" name ".Scalar(Tensor self, Scalar other) -> Tensor", "aten::" target ".Scalar")
PF_ALIAS_BOTH(Greater, "greater", "gt")
PF_ALIAS_BOTH(GreaterEqual, "greater_equal", "ge")
PF_ALIAS_BOTH(Less, "less", "lt")
PF_ALIAS_BOTH(LessEqual, "less_equal", "le")
PF_ALIAS_BOTH(NotEqual, "not_equal", "ne")
PF_ALIAS_BOTH(And, "__and__", "bitwise_and")
PF_ALIAS_BOTH(Or, "__or__", "bitwise_or")
PF_ALIAS_BOTH(Xor, "__xor__", "bitwise_xor")
#undef PF_ALIAS_BOTH
// ~x of bool is !x, which no formula on integers gives.
PF_COMPOSITE(BitwiseNot, "aten::bitwise_not(Tensor self) -> Tensor") {
  auto x = g.tensor("self");
  g.result(g(x.dtype() == DType::boolean ? "aten::logical_not" : "portfire::bitwise_not", x));
}
PF_ALIAS(LshiftTensor, "aten::__lshift__.Tensor(Tensor self, Tensor other) -> Tensor", "aten::bitwise_left_shift.Tensor")
PF_ALIAS(LshiftScalar, "aten::__lshift__.Scalar(Tensor self, Scalar other) -> Tensor",
         "aten::bitwise_left_shift.Tensor_Scalar")
PF_ALIAS(RshiftTensor, "aten::__rshift__.Tensor(Tensor self, Tensor other) -> Tensor",
         "aten::bitwise_right_shift.Tensor")
PF_ALIAS(RshiftScalar, "aten::__rshift__.Scalar(Tensor self, Scalar other) -> Tensor",
         "aten::bitwise_right_shift.Tensor_Scalar")
PF_ALIAS(MaxOther, "aten::max.other(Tensor self, Tensor other) -> Tensor", "aten::maximum")
PF_ALIAS(MinOther, "aten::min.other(Tensor self, Tensor other) -> Tensor", "aten::minimum")

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class G, class T>
T is_finite(G& g, T x) {  // false for NaN, as every order of it is
  return is_floating(x.dtype()) || is_complex(x.dtype()) ? g("aten::lt.Scalar", g("aten::abs", x), kInfinity)
                                                         : g("aten::eq.Tensor", x, x);
}
PF_COMPOSITE(Isfinite, "aten::isfinite(Tensor self) -> Tensor") { g.result(is_finite(g, g.tensor("self"))); }
PF_COMPOSITE(Isposinf, "aten::isposinf(Tensor self) -> Tensor") {
  g.result(g("aten::eq.Scalar", g.tensor("self"), kInfinity));
}
PF_COMPOSITE(Isneginf, "aten::isneginf(Tensor self) -> Tensor") {
  g.result(g("aten::eq.Scalar", g.tensor("self"), -kInfinity));
}
PF_COMPOSITE(Isreal, "aten::isreal(Tensor self) -> Tensor") {
  auto x = g.tensor("self");
  if (is_complex(x.dtype())) return g.result(g("aten::eq.Scalar", g("aten::imag", x), 0));
  g.result(g.full(g.sizes(x), true, DType::boolean));
}
PF_COMPOSITE(Signbit, "aten::signbit(Tensor self) -> Tensor") {
  auto x = g.tensor("self");
  if (is_floating(x.dtype())) x = g("portfire::copysign.Scalar_Tensor", 1.0, x);  // tells -0 and NaN too
  g.result(g("aten::lt.Scalar", x, 0));
}

// |a - b| <= atol + |rtol b|, where both are finite; equal values are close, and with equal_nan NaN
// is close to NaN
PF_COMPOSITE(Isclose,
             "aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, "
             "bool equal_nan=False) -> Tensor") {
  auto a = g.tensor("self"), b = g.tensor("other");
  auto close = g("aten::eq.Tensor", a, b);
  if (g.boolean("equal_nan") && is_floating(a.dtype()))
    close = g("aten::logical_or", close, g("aten::logical_and", g("aten::isnan", a), g("aten::isnan", b)));
  const double rtol = g.real("rtol"), atol = g.real("atol");
  if (rtol == 0 && atol == 0) return g.result(close);
  auto wide = g.cast(b, float_result(b.dtype()));
  auto allowed = g("aten::abs", wide * rtol) + atol, actual = g("aten::abs", a - wide);
  auto near = g("aten::logical_and", is_finite(g, actual), g("aten::le.Tensor", actual, allowed));
  g.result(g("aten::logical_or", close, near));
}

using Ops = OpList<GreaterTensor, GreaterScalar, GreaterEqualTensor, GreaterEqualScalar, LessTensor, LessScalar,
                   LessEqualTensor, LessEqualScalar, NotEqualTensor, NotEqualScalar, AndTensor, AndScalar, OrTensor,
                   OrScalar, XorTensor, XorScalar, BitwiseNot, LshiftTensor, LshiftScalar, RshiftTensor, RshiftScalar, MaxOther,
                   MinOther, Isfinite, Isposinf, Isneginf, Isreal, Signbit, Isclose>;

}  // namespace portfire::ops::comparison
