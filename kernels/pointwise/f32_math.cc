// Steps of f32 that are functions: exponentials, logarithms, trigonometry, activations, powers.
#include "kernels/pointwise/steps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/f32_math.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "kernels/pointwise/f32_loop.h"
#include "kernels/simd_math.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

// Right for every x.
#define PF_F32_TOTAL(X)                 \
  X(exp, fast_exp(d, x))                \
  X(erf, fast_erf(d, x))                \
  X(tanh, fast_tanh(d, x))              \
  X(sigmoid, fast_sigmoid(d, x))        \
  X(silu, hn::Mul(x, fast_sigmoid(d, x))) \
  X(gelu, fast_gelu(d, x))              \
  X(gelu_tanh, fast_gelu_tanh(d, x))

// Highway's functions, with where they are right: elsewhere (poles, infinities, NaN, angles whose
// period f32 cannot tell) the table's formula gives the value.
#define PF_F32_PARTIAL(X)                                                              \
  X(log, hn::Log(d, x), between(d, x, 0.0f, kInf))                                     \
  X(log2, hn::Log2(d, x), between(d, x, 0.0f, kInf))                                   \
  X(log10, hn::Log10(d, x), between(d, x, 0.0f, kInf))                                 \
  X(log1p, hn::Log1p(d, x), between(d, x, -0.9999f, kInf))                             \
  X(expm1, hn::Expm1(d, x), between(d, x, -80.0f, 88.0f))                              \
  X(sin, hn::Sin(d, x), between(d, x, -39000.0f, 39000.0f))                            \
  X(cos, hn::Cos(d, x), between(d, x, -39000.0f, 39000.0f))                            \
  X(sinh, hn::Sinh(d, x), between(d, x, -80.0f, 80.0f))                                \
  X(cosh, fast_cosh(d, x), between(d, x, -80.0f, 80.0f))                               \
  X(asin, hn::Asin(d, x), between(d, x, -1.0f, 1.0f))                                  \
  X(acos, hn::Acos(d, x), between(d, x, -1.0f, 1.0f))                                  \
  X(atan, hn::Atan(d, x), between(d, x, -kInf, kInf))                                  \
  X(asinh, hn::Asinh(d, x), between(d, x, -1e18f, 1e18f))                              \
  X(acosh, hn::Acosh(d, x), between(d, x, 1.0f, 1e18f))                                \
  X(atanh, hn::Atanh(d, x), between(d, x, -1.0f, 1.0f))

constexpr float kInf = __builtin_inff();

HWY_INLINE hn::Mask<F32Tag> between(F32Tag d, F32Vec x, float low, float high) {
  return hn::And(hn::Gt(x, hn::Set(d, low)), hn::Lt(x, hn::Set(d, high)));
}
HWY_INLINE F32Vec fast_cosh(F32Tag d, F32Vec x) {
  const F32Vec e = fast_exp(d, hn::Abs(x)), half = hn::Set(d, 0.5f);
  return hn::MulAdd(half, e, hn::Div(half, e));
}
// 2^f, |f| <= 1/2, by a Chebyshev fit that is 1 at 0, error below 1e-8.
HWY_INLINE F32Vec exp2_of_part(F32Tag d, F32Vec f) {
  F32Vec p = hn::Set(d, 0.000154531629f);
  p = hn::MulAdd(p, f, hn::Set(d, 0.00133908634f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.00961808256f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.0555035711f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.240226508f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.693147188f));
  return hn::MulAdd(p, f, hn::Set(d, 1.0f));
}
// 2^k 2^f, k = round(x), for subnormal and infinite results too: 2^k in two factors.
HWY_NOINLINE void exp2_of_all(const float* x, float* y) {
  const F32Tag d;
  const hn::RebindToSigned<F32Tag> di;
  const F32Vec v = hn::LoadU(d, x), bounded = hn::Min(hn::Max(v, hn::Set(d, -151.0f)), hn::Set(d, 129.0f));
  const F32Vec k = hn::Round(bounded);
  const auto whole = hn::ConvertTo(di, k), half = hn::ShiftRight<1>(whole), bias = hn::Set(di, 127);
  const F32Vec a = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias))), b = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(whole, half), bias)));
  hn::StoreU(hn::IfThenElse(hn::IsNaN(v), v, hn::Mul(hn::Mul(exp2_of_part(d, hn::Sub(bounded, k)), a), b)), d, y);
}
void f32_exp2(const pointwise::StepCall& c, size_t n) {
  const F32Tag d;
  const hn::RebindToSigned<F32Tag> di;
  const float* in = static_cast<const float*>(c.in[0]);
  float* out = static_cast<float*>(c.out);
  const F32Vec rounds = hn::Set(d, 12582912.0f), most = hn::Set(d, 125.0f);  // 1.5 * 2^23: what is added rounds to integers
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    const F32Vec x = hn::LoadU(d, in + i), shifted = hn::Add(x, rounds), f = hn::Sub(x, hn::Sub(shifted, rounds));
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Lt(hn::Abs(x), most)))) {
      exp2_of_all(in + i, out + i);
      continue;
    }
    const auto power = hn::Add(hn::ShiftLeft<23>(hn::BitCast(di, shifted)), hn::Set(di, 127 << 23));
    hn::StoreU(hn::Mul(exp2_of_part(d, f), hn::BitCast(d, power)), d, out + i);
  }
}
HWY_INLINE F32Vec fast_gelu(F32Tag d, F32Vec x) {
  const F32Vec half = hn::Mul(hn::Set(d, 0.5f), x);
  return hn::MulAdd(half, fast_erf(d, hn::Mul(x, hn::Set(d, 0.70710678f))), half);
}
HWY_INLINE F32Vec fast_gelu_tanh(F32Tag d, F32Vec x) {
  const F32Vec half = hn::Mul(hn::Set(d, 0.5f), x), scaled = hn::Mul(hn::Set(d, 0.79788456f), x);
  const F32Vec cubic = hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715f), hn::Set(d, 1.0f));
  return hn::MulAdd(half, fast_tanh(d, hn::Mul(scaled, cubic)), half);
}

#define PF_F32_GUARDED(name, expression, ...)                                 \
  void f32_##name(const pointwise::StepCall& c, size_t n) {                   \
    const F32Tag d;                                                           \
    const float* a = static_cast<const float*>(c.in[0]);                      \
    float* out = static_cast<float*>(c.out);                                  \
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {                            \
      const F32Vec x = hn::LoadU(d, a + i);                                   \
      const auto inside = __VA_ARGS__;                                        \
      hn::StoreU(expression, d, out + i);                                     \
      if (HWY_UNLIKELY(!hn::AllTrue(d, inside)))                              \
        use_formula(c, d, x, x, inside, out + i, n - i);                      \
    }                                                                         \
  }

// The lanes of `out` outside, one by one; x and y are the operands.
template <class Tag>
HWY_NOINLINE void use_formula(const pointwise::StepCall& c, Tag d, hn::VFromD<Tag> x, hn::VFromD<Tag> y,
                              hn::Mask<Tag> inside, float* out, size_t n) {
  HWY_ALIGN float xs[16], ys[16], good[16];
  hn::Store(x, d, xs);
  hn::Store(y, d, ys);
  hn::Store(hn::IfThenElseZero(inside, hn::Set(d, 1.0f)), d, good);
  const size_t lanes = hn::Lanes(d);
  for (size_t l = 0; l < lanes && l < n; ++l)
    if (good[l] == 0) out[l] = static_cast<float>(c.op->real(xs[l], ys[l], 0));
}

PF_F32_TOTAL(PF_F32_UNARY)
PF_F32_PARTIAL(PF_F32_GUARDED)

// x^y = exp(y log |x|) in f64, which leaves room for the error that the exponential magnifies; with the
// sign of x where y is odd.
void f32_pow(const pointwise::StepCall& c, size_t n) {
  const hn::CappedTag<double, 8> d64;
  const hn::Rebind<float, decltype(d64)> d;
  using V = hn::Vec<decltype(d)>;
  const float *a = static_cast<const float*>(c.in[0]), *b = static_cast<const float*>(c.in[1]);
  float* out = static_cast<float*>(c.out);
  const V zero = hn::Zero(d), inf = hn::Set(d, kInf), half = hn::Set(d, 0.5f);
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    const V x = hn::LoadU(d, a + i), y = hn::LoadU(d, b + i), size = hn::Abs(x);
    const auto whole = hn::Eq(hn::Round(y), y), even = hn::Eq(hn::Round(hn::Mul(y, half)), hn::Mul(y, half));
    const auto inside = hn::And(hn::And(hn::Or(hn::Gt(x, zero), whole), hn::Lt(hn::Abs(y), inf)),
                                hn::And(hn::Gt(size, zero), hn::Lt(size, inf)));
    const auto log = hn::Log(d64, hn::PromoteTo(d64, size));
    const auto power = hn::Mul(log, hn::PromoteTo(d64, y));
    const auto bounded = hn::Min(hn::Max(power, hn::Set(d64, -120.0)), hn::Set(d64, 120.0));
    const V finite = hn::DemoteTo(d, hn::Exp(d64, bounded));
    // Some targets convert what f32 cannot hold to its largest number.
    const V r = hn::IfThenElse(hn::Gt(hn::DemoteTo(d, bounded), hn::Set(d, 88.7229f)), inf, finite);
    hn::StoreU(hn::IfThenElse(hn::AndNot(even, hn::Lt(x, zero)), hn::Neg(r), r), d, out + i);
    if (HWY_UNLIKELY(!hn::AllTrue(d, inside))) use_formula(c, d, x, y, inside, out + i, n - i);
  }
}

pointwise::StepFn find_f32_math(const ops::Pointwise& op) {
  PF_F32_TOTAL(PF_F32_FIND)
  PF_F32_PARTIAL(PF_F32_FIND)
  return op.name == "pow" ? &f32_pow : op.name == "exp2" ? &f32_exp2 : nullptr;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(find_f32_math);
namespace pointwise {
StepFn f32_math(const ops::Pointwise& op) { return HWY_DYNAMIC_DISPATCH(find_f32_math)(op); }
}  // namespace pointwise
}  // namespace portfire
#endif
