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

// The larger and the smaller; b where one is NaN, which is what x86's instructions do (a comparison and a choice take longer
// than all the rest of a loop).
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
template <class V>
HWY_INLINE V max_or_second(V a, V b) { return hn::Max(a, b); }
template <class V>
HWY_INLINE V min_or_second(V a, V b) { return hn::Min(a, b); }
#else
template <class V>
HWY_INLINE V max_or_second(V a, V b) { return hn::IfThenElse(hn::Gt(a, b), a, b); }
template <class V>
HWY_INLINE V min_or_second(V a, V b) { return hn::IfThenElse(hn::Lt(a, b), a, b); }
#endif

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

// 2^x for x <= 0 (NaN stays), as softmax wants it: 2^k 2^f, k = round(x), 2^f by a polynomial of degree 5 that is 1 at 0
// (a least squares fit of the relative error, made even by reweighting; error below 1e-7). Below -125 the result is 0.
template <class D, class V>
HWY_INLINE V fast_exp2_negative(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V lowest = hn::Set(d, -125.0f), whole = hn::Set(d, 12582912.0f);  // 1.5 * 2^23: what is added rounds to integers
  const V clamped = hn::Max(lowest, x);
  const V shifted = hn::Add(clamped, whole);
  const V f = hn::Sub(x, hn::Sub(shifted, whole));  // of x itself: some ISAs' Max loses a NaN
  V p = hn::Set(d, 1.32647272e-3f);
  p = hn::MulAdd(p, f, hn::Set(d, 9.67151264e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.55073374e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.40222421e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 6.93146978e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  const V factor = hn::BitCast(d, hn::Add(hn::ShiftLeft<23>(hn::BitCast(di, shifted)), hn::Set(di, 127 << 23)));
  return hn::IfThenZeroElse(hn::Lt(x, lowest), hn::Mul(p, factor));
}
inline constexpr float kLog2E = 1.44269504f;

// exp(x) for x <= 0 (NaN stays).
template <class D, class V>
HWY_INLINE V fast_exp_negative(D d, V x) {
  return fast_exp2_negative(d, hn::Mul(x, hn::Set(d, kLog2E)));
}

// erf(x), |error| < 4e-7: x P(x^2) / Q(x^2) up to 3.8, where erf is 1 - 8e-8, and 1 beyond. P and Q, of
// degree 5, are a weighted least squares fit, made even over the interval by reweighting (Lawson).
template <class D, class V>
HWY_INLINE V fast_erf(D d, V x) {
  const V most = hn::Set(d, 3.8f), one = hn::Set(d, 1.0f);
  const V t = hn::Mul(x, x);
  V p = hn::Set(d, 2.1321379790606443e-06f), q = hn::Set(d, 3.9097889384720474e-05f);
  p = hn::MulAdd(p, t, hn::Set(d, 0.0002879989624489099f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.0011537392856553197f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.003693589009344578f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.014822879806160927f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.05254726856946945f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.11325466632843018f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.18811561167240143f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.5000453591346741f));
  p = hn::MulAdd(p, t, hn::Set(d, 1.1283791065216064f));
  q = hn::MulAdd(q, t, one);
  const V y = hn::Div(hn::Mul(x, p), q);
  return hn::IfThenElse(hn::Gt(hn::Abs(x), most), hn::CopySign(one, x), y);  // a NaN stays
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
