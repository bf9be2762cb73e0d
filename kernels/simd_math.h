// Vector functions of f32 that Highway's math library has not, or has not fast enough. Included once
// for each ISA (inside foreach_target); `hn` is Highway's namespace of the ISA.
#if defined(PORTFIRE_SIMD_MATH_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PORTFIRE_SIMD_MATH_H_
#undef PORTFIRE_SIMD_MATH_H_
#else
#define PORTFIRE_SIMD_MATH_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// exp(x) = 2^k exp(r), k = round(x / ln 2), |r| <= ln(2)/2, exp(r) by its Taylor polynomial of degree
// 6 (error below 2^-24 on that interval). Below -87.3 the result is 0, above 88.72 infinity; NaN stays.
template <class D, class V>
HWY_INLINE V fast_exp(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V lowest = hn::Set(d, -87.336544f), highest = hn::Set(d, 88.722839f);
  const V clamped = hn::Min(hn::Max(x, lowest), highest);
  const V k = hn::Round(hn::Mul(clamped, hn::Set(d, 1.44269504f)));
  // ln 2 in two parts: k * 0.693359375 is exact.
  V r = hn::NegMulAdd(k, hn::Set(d, 0.693359375f), clamped);
  r = hn::NegMulAdd(k, hn::Set(d, -2.12194440e-4f), r);
  V p = hn::Set(d, 1.0f / 720);
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 120));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 24));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 6));
  p = hn::MulAdd(p, r, hn::Set(d, 0.5f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  // Two factors, since 2^128 is no float: k = k/2 + (k - k/2).
  const auto ki = hn::ConvertTo(di, k);
  const auto half = hn::ShiftRight<1>(ki), rest = hn::Sub(ki, half);
  const auto bias = hn::Set(di, 127);
  const V a = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V b = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(rest, bias)));
  V y = hn::Mul(hn::Mul(p, a), b);
  y = hn::IfThenElseZero(hn::Ge(x, lowest), y);
  y = hn::IfThenElse(hn::Gt(x, highest), hn::Inf(d), y);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// erf(x), |error| < 3e-7: for |x| < 1 an odd polynomial (least squares
// at Chebyshev nodes of erf(x)/x in x^2); else 1 - t P(t) exp(-x^2),
// t = 1 / (1 + 0.3275911 |x|), Abramowitz and Stegun 7.1.26.
template <class D, class V>
HWY_INLINE V fast_erf(D d, V x) {
  const V a = hn::Abs(x), x2 = hn::Mul(x, x);
  V s = hn::Set(d, 8.00701126e-05f);
  s = hn::MulAdd(s, x2, hn::Set(d, -8.05378697e-04f));
  s = hn::MulAdd(s, x2, hn::Set(d, 5.19296132e-03f));
  s = hn::MulAdd(s, x2, hn::Set(d, -2.68560711e-02f));
  s = hn::MulAdd(s, x2, hn::Set(d, 1.12836347e-01f));
  s = hn::MulAdd(s, x2, hn::Set(d, -3.76126298e-01f));
  s = hn::MulAdd(s, x2, hn::Set(d, 1.12837917e+00f));
  const V small = hn::Mul(s, x);
  const V t = hn::Div(hn::Set(d, 1.0f), hn::MulAdd(a, hn::Set(d, 0.3275911f), hn::Set(d, 1.0f)));
  V p = hn::Set(d, 1.061405429f);
  p = hn::MulAdd(p, t, hn::Set(d, -1.453152027f));
  p = hn::MulAdd(p, t, hn::Set(d, 1.421413741f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.284496736f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.254829592f));
  const V tail = hn::NegMulAdd(hn::Mul(p, t), fast_exp(d, hn::Neg(x2)), hn::Set(d, 1.0f));
  const V large = hn::CopySign(tail, x);
  const V y = hn::IfThenElse(hn::Lt(a, hn::Set(d, 1.0f)), small, large);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// tanh(x) = (e - 1) / (e + 1), e = exp(2x); near 0 its continued fraction, since e - 1 cancels.
template <class D, class V>
HWY_INLINE V fast_tanh(D d, V x) {
  const V a = hn::Min(hn::Abs(x), hn::Set(d, 10.0f)), x2 = hn::Mul(x, x);
  // Lambert: x / (1 + x^2/(3 + x^2/(5 + x^2/7))), relative error below 1e-7 for |x| < 0.5.
  const V one = hn::Set(d, 1.0f);
  const V n = hn::Mul(a, hn::MulAdd(x2, hn::Add(x2, hn::Set(d, 105.0f)), hn::Set(d, 945.0f)));
  const V m = hn::MulAdd(x2, hn::MulAdd(x2, hn::Set(d, 15.0f), hn::Set(d, 420.0f)), hn::Set(d, 945.0f));
  const V e = fast_exp(d, hn::Add(a, a));
  const V near = hn::Div(n, m), far = hn::Div(hn::Sub(e, one), hn::Add(e, one));
  const V y = hn::CopySign(hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.5f)), near, far), x);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

template <class D, class V>
HWY_INLINE V fast_sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, fast_exp(d, hn::Neg(x))));
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
