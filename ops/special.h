// Special functions made of the primitives of ops/pointwise_table.h, and the torch.special names.
#pragma once

#include <cmath>
#include <limits>

#include "ops/composite.h"

namespace portfire::ops::special {

inline constexpr double kPi = 3.14159265358979323846, kSqrtHalf = 0.70710678118654752440;
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// sin(pi x) / (pi x), 1 at 0
PF_COMPOSITE(Sinc, "aten::sinc(Tensor self) -> Tensor") {
  auto x = g.tensor("self"), w = widen(g, x), z = w * kPi;
  auto zero = g("aten::eq.Scalar", w, 0);
  z = g.where(zero, 1.0, z);  // so that the gradient is 0 there
  auto y = g.where(zero, 1.0, g("aten::sin", z) / z);
  g.result(g.cast(y, float_result(x.dtype())));
}
// log(z / (1 - z)), z = x within [eps, 1 - eps] where eps is given
PF_COMPOSITE(Logit, "aten::logit(Tensor self, float? eps=None) -> Tensor") {
  auto x = g.tensor("self"), z = widen(g, x);
  if (!g.none("eps")) {
    const double eps = g.real("eps");
    z = g("portfire::minimum.Scalar", g("portfire::maximum.Scalar", z, eps), 1 - eps);
  }
  auto y = g("aten::log", z / g("portfire::sub.Scalar_Tensor", 1, z));
  g.result(g.cast(y, float_result(x.dtype())));
}

// x f(y), 0 where x is 0 (unless y is NaN)
template <class G, class X, class Y>
auto times_log(G& g, X x, Y y, const char* log) {
  auto product = x * g(log, y);
  auto result = g.where(g("aten::eq.Scalar", x, 0), 0, product);
  return g.where(g("aten::isnan", y), kNaN, result);
}
template <class G>
auto number_tensor(G& g, const char* name, DType dtype) {
  return g.scalar_tensor(g.arg(name), float_result(dtype));
}
#define PF_XLOGY(type, name, log, suffix_other, suffix_self)                                                     \
  PF_COMPOSITE(type##Tensor, "aten::" name "(Tensor self, Tensor other) -> Tensor") {                            \
    g.result(times_log(g, g.tensor("self"), g.tensor("other"), log));                                            \
  }                                                                                                              \
  PF_COMPOSITE(type##Other, "aten::" suffix_other "(Tensor self, Scalar other) -> Tensor") {                     \
    auto x = g.tensor("self");                                                                                   \
    g.result(times_log(g, x, number_tensor(g, "other", x.dtype()), log));                                        \
  }                                                                                                              \
  PF_COMPOSITE(type##Self, "aten::" suffix_self "(Scalar self, Tensor other) -> Tensor") {                       \
    auto y = g.tensor("other");                                                                                  \
    g.result(times_log(g, number_tensor(g, "self", y.dtype()), y, log));                                         \
  }
PF_XLOGY(Xlogy, "xlogy.Tensor", "aten::log", "xlogy.Scalar_Other", "xlogy.Scalar_Self")
PF_XLOGY(SpecialXlogy, "special_xlogy", "aten::log", "special_xlogy.other_scalar", "special_xlogy.self_scalar")
PF_XLOGY(Xlog1py, "special_xlog1py", "aten::log1p", "special_xlog1py.other_scalar", "special_xlog1py.self_scalar")
#undef PF_XLOGY

// -x log x above 0, 0 at 0, -inf below
PF_COMPOSITE(Entr, "aten::special_entr(Tensor self) -> Tensor") {
  auto x = g.cast(g.tensor("self"), float_result(g.tensor("self").dtype()));
  auto above = -x * g("aten::log", x);
  auto below = g.where(g("aten::lt.Scalar", x, 0), -std::numeric_limits<double>::infinity(), above);
  g.result(g.where(g("aten::eq.Scalar", x, 0), 0, below));
}
// The normal distribution function: erfc(-x / sqrt 2) / 2
PF_COMPOSITE(Ndtr, "aten::special_ndtr(Tensor self) -> Tensor") {
  g.result(g("aten::erfc", g.tensor("self") * -kSqrtHalf) * 0.5);
}
// log ndtr(x). Far below 0, where erfc would be 0, its asymptotic expansion (Abramowitz and Stegun
// 7.1.23): log erfc(z) = -z^2 + log((1 - 1/(2 z^2) + 3/(4 z^4) - 15/(8 z^6)) / (z sqrt pi)).
PF_COMPOSITE(LogNdtr, "aten::special_log_ndtr(Tensor self) -> Tensor") {
  auto x = g.tensor("self"), w = widen(g, x);
  // Each part sees its own range only: elsewhere its slope may be infinite, and 0 times that is NaN.
  auto at_most = [&](auto t, double bound) { return g("portfire::minimum.Scalar", t, bound); };
  auto at_least = [&](auto t, double bound) { return g("portfire::maximum.Scalar", t, bound); };
  auto near = g("aten::log", g("aten::erfc", at_least(at_most(w, 1), -8) * -kSqrtHalf) * 0.5);
  auto above = g("aten::log1p", g("aten::erfc", at_least(w, 1) * kSqrtHalf) * -0.5);
  auto z = at_most(w, -8) * -kSqrtHalf;
  auto r = g("aten::reciprocal", z * z * 2);
  auto series = g("portfire::sub.Scalar_Tensor", 1, r * g("portfire::sub.Scalar_Tensor", 1, r * 3 - r * r * 15));
  auto far = g("aten::log", series / (z * (2 * std::sqrt(kPi)))) - z * z;
  auto y = g.where(g("aten::lt.Scalar", w, -8), far, g.where(g("aten::gt.Scalar", w, 1), above, near));
  g.result(g.cast(y, float_result(x.dtype())));
}
// log of the multivariate gamma function: p (p - 1) / 4 log pi + sum_j lgamma(x - j / 2), j < p
template <class G>
auto multivariate_lgamma(G& g) {
  auto x = g.tensor("self"), w = widen(g, x);
  const int64_t p = g.known_integer("p");
  auto sum = g("aten::lgamma", w) + 0.25 * static_cast<double>(p * (p - 1)) * std::log(kPi);
  for (int64_t j = 1; j < p; ++j) sum = sum + g("aten::lgamma", w - 0.5 * static_cast<double>(j));
  return g.cast(sum, float_result(x.dtype()));
}
PF_COMPOSITE(Mvlgamma, "aten::mvlgamma(Tensor self, int p) -> Tensor") { g.result(multivariate_lgamma(g)); }
PF_COMPOSITE(Multigammaln, "aten::special_multigammaln(Tensor self, int p) -> Tensor") {
  g.result(multivariate_lgamma(g));
}

#define PF_SPECIAL(type, name, target) PF_ALIAS(type, "aten::special_" name "(Tensor self) -> Tensor", "aten::" target)
PF_SPECIAL(SpecialDigamma, "digamma", "digamma")
PF_SPECIAL(SpecialPsi, "psi", "digamma")
PF_SPECIAL(SpecialErf, "erf", "erf")
PF_SPECIAL(SpecialErfc, "erfc", "erfc")
PF_SPECIAL(SpecialErfinv, "erfinv", "erfinv")
PF_SPECIAL(SpecialExp2, "exp2", "exp2")
PF_SPECIAL(SpecialExpit, "expit", "sigmoid")
PF_SPECIAL(SpecialExpm1, "expm1", "expm1")
PF_SPECIAL(SpecialGammaln, "gammaln", "lgamma")
PF_SPECIAL(SpecialI0, "i0", "i0")
PF_SPECIAL(SpecialLog1p, "log1p", "log1p")
PF_SPECIAL(SpecialSinc, "sinc", "sinc")
#undef PF_SPECIAL
PF_ALIAS(SpecialLogit, "aten::special_logit(Tensor self, float? eps=None) -> Tensor", "aten::logit")

using Ops = OpList<Sinc, Logit, XlogyTensor, XlogyOther, XlogySelf, SpecialXlogyTensor, SpecialXlogyOther,
                   SpecialXlogySelf, Xlog1pyTensor, Xlog1pyOther, Xlog1pySelf, Entr, Ndtr, LogNdtr, Mvlgamma,
                   Multigammaln, SpecialDigamma, SpecialPsi, SpecialErf, SpecialErfc, SpecialErfinv, SpecialExp2,
                   SpecialExpit, SpecialExpm1, SpecialGammaln, SpecialI0, SpecialLog1p, SpecialSinc, SpecialLogit>;

}  // namespace portfire::ops::special
