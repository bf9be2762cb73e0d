// Steps that are computed in vectors of f64: those of f64, and those of f32 (and of f16 and bf16, widened) that
// f32_math.cc has not, for which f64 leaves room for what cancels.
#include "kernels/pointwise/steps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/double_math.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace real {

using D = hn::CappedTag<double, 8>;  // strips are padded to more
using F = hn::Rebind<float, D>;
using V = hn::Vec<D>;
using M = hn::Mask<D>;

constexpr double kInf = __builtin_inf();
constexpr double kPi = 3.14159265358979323846;

HWY_INLINE V set(double v) { return hn::Set(D(), v); }
HWY_INLINE M between(V x, double low, double high) { return hn::And(hn::Gt(x, set(low)), hn::Lt(x, set(high))); }
HWY_INLINE M number(V x) { return hn::Eq(x, x); }
HWY_INLINE M some_number(V x) { return between(x, -kInf, kInf); }

template <size_t kN>
HWY_INLINE V polynomial(V x, const double (&c)[kN]) {
  V y = set(c[0]);
  for (size_t i = 1; i < kN; ++i) y = hn::MulAdd(y, x, set(c[i]));
  return y;
}

// erfc(x) = exp(-x^2) P(t) / (1 + 2 x), t = (x - 4) / (x + 4), for x >= 0 (the substitution is Schonfelder's, 1978);
// P by Chebyshev fit up to x = 28, error below 2e-18.
constexpr double kErfcx[] = {1.26378285804213688e-9,  1.86848738547351915e-9,  -1.40919828225557551e-8, -1.79994754590314213e-8, 1.10059961986400576e-7,   7.47195278050097102e-8,
                             -8.25469974487116139e-7, 2.93778549434437866e-7,  5.70978476096650561e-6,  -1.12220463166690044e-5, -2.43992442831298774e-5,  1.50621697046783542e-4,
                             -1.99256684323891523e-4, -7.57773297366914639e-4, 5.03196997575317631e-3,  -1.6197734055994488e-2,  3.71675155377702541e-2,   -6.63303658124095089e-2,
                             9.37328349983302227e-2,  -1.01039066036294588e-1, 6.80970542546932356e-2,  1.5379652102619558e-2,   -1.39621116840562518e-1,  1.23299511862555251};
HWY_INLINE V erfc_of_positive(V x) {
  const V bounded = hn::Min(x, set(28));
  const V t = hn::Div(hn::Sub(bounded, set(4)), hn::Add(bounded, set(4)));
  const V p = hn::Div(polynomial(t, kErfcx), hn::MulAdd(set(2), bounded, set(1)));
  return hn::Mul(p, hn::Exp(D(), hn::Neg(hn::Mul(bounded, bounded))));
}
HWY_INLINE V erfc(V x) {
  const V y = erfc_of_positive(hn::Abs(x));
  return hn::IfThenElse(hn::Lt(x, set(0)), hn::Sub(set(2), y), y);
}
// Near 0 a polynomial of erf(x) / x in x^2, error below 2e-19 up to 1.
constexpr double kErf[] = {5.9571761477489114e-11, -1.13728488566917e-9,   1.46597752740474358e-8, -1.6350312701054695e-7, 1.6461000484121368e-6,  -1.49255952668311816e-5, 1.20553311116427109e-4,
                           -8.54832698083378991e-4, 5.22397762481801447e-3, -2.68661706450767932e-2, 1.12837916709548787e-1, -3.76126389031837481e-1, 1.12837916709551257};
HWY_INLINE V erf(V x) {
  const V a = hn::Abs(x), z = hn::Mul(x, x);
  const V near = hn::Mul(x, polynomial(z, kErf));
  const V far = hn::CopySign(hn::Sub(set(1), erfc_of_positive(a)), x);
  return hn::IfThenElse(hn::Lt(a, set(1)), near, far);
}

// y / x as a polynomial of w = -log(1 - x^2), beyond 5 of its root, error below 2e-8 and 4e-6; then, where
// asked for or in the tail, a step of Halley's iteration on the complement.
constexpr double kInverse[] = {-8.93192597024422152e-9, 2.24304301526203091e-7,  -2.00827133916377076e-6, 4.15066323659261651e-6, 4.40488043262689862e-5,
                               -1.26539474312688693e-4, -2.3352705948701527e-3,  1.1549165116928104e-2,   2.32013712762156053e-1, 8.86226924201168197e-1};
constexpr double kInverseTail[] = {-3.54867148965617291e-6, 1.50219336425513152e-4, -2.81537442970910757e-3, 3.06725057720946839e-2, -2.14190066996289245e-1,
                                   9.95079072627426567e-1,  -3.07999036942713561,   6.13932702087599427,     -6.16845923396168828,   3.57215745509862179};
HWY_INLINE V erfinv(V x, bool exact) {
  const D d;
  const V a = hn::Abs(x), complement = hn::Sub(set(1), a);
  const V w = hn::Neg(hn::Log(d, hn::Mul(complement, hn::Add(set(1), a))));
  const M tail = hn::Gt(w, set(5));
  V y = hn::Mul(a, polynomial(w, kInverse));
  const bool any_tail = !hn::AllFalse(d, tail);
  if (any_tail) y = hn::IfThenElse(tail, hn::Mul(a, polynomial(hn::Sqrt(w), kInverseTail)), y);
  if (exact || any_tail) {
    const V slope = hn::Mul(set(1.12837916709551257), hn::Exp(d, hn::Neg(hn::Mul(y, y))));
    // Near 0 erf tells more than its complement.
    const V off = hn::IfThenElse(hn::Lt(a, set(0.5)), hn::Sub(erf(y), a), hn::Sub(complement, erfc_of_positive(y)));
    const V step = hn::Div(off, slope);
    y = hn::Sub(y, hn::Div(step, hn::MulAdd(y, step, set(1))));
  }
  return hn::CopySign(y, x);
}

// y 2^k, k whole: both normal.
HWY_INLINE V times_power(V y, V k) {
  const hn::RebindToSigned<D> di;
  return hn::Mul(y, hn::BitCast(D(), hn::ShiftLeft<52>(hn::Add(hn::ConvertTo(di, k), hn::Set(di, 1023)))));
}
// 2^k 2^f, k = round(x), |x| < 1000; (2^f - 1) / f by Chebyshev fit, error below 2e-17.
constexpr double kExp2[] = {4.45496059818651839e-10, 7.0725859492692237e-9,   1.01780624458457735e-7, 1.32154425879216897e-6, 1.52527338298361184e-5, 1.54035304417360502e-4,
                            1.33335581464169353e-3,  9.61812910760688853e-3, 5.55041086648215943e-2, 2.40226506959100982e-1, 6.93147180559945309e-1, 1};
HWY_INLINE V exp2(V x) {
  const V k = hn::Round(x);
  return times_power(polynomial(hn::Sub(x, k), kExp2), k);
}

// Stirling's series at x + 8 less the logarithms of what lies between, or at x where that is more: error of about
// 1e-15, which is more than f64 can bear near the roots at 1 and 2. x < 0 by reflection.
constexpr double kStirling[] = {-2.955065359477124e-2, 6.410256410256410e-3, -1.917526917526918e-3, 8.417508417508418e-4, -5.952380952380952e-4, 7.936507936507937e-4, -2.777777777777778e-3, 8.333333333333333e-2};
HWY_INLINE V lgamma_of_positive(V x) {
  const D d;
  const M low = hn::Lt(x, set(8));
  const V z = hn::IfThenElse(low, hn::Add(x, set(8)), x), inverse = hn::Div(set(1), z);
  const V series = hn::MulAdd(polynomial(hn::Mul(inverse, inverse), kStirling), inverse, set(0.91893853320467274178));
  const V y = hn::Add(hn::MulSub(hn::Sub(z, set(0.5)), hn::Log(d, z), z), series);
  if (hn::AllFalse(d, low)) return y;
  const V u = hn::Mul(x, hn::Add(x, set(7)));  // x (x + 1) ... (x + 7) in pairs
  const V product = hn::Mul(hn::Mul(u, hn::Add(u, set(6))), hn::Mul(hn::Add(u, set(10)), hn::Add(u, set(12))));
  return hn::IfThenElse(low, hn::Sub(y, hn::Log(d, product)), y);
}
HWY_INLINE V lgamma(V x) {
  const D d;
  const V a = hn::Abs(x), y = lgamma_of_positive(a);
  const M negative = hn::Lt(x, set(0));
  if (HWY_LIKELY(hn::AllFalse(d, negative))) return y;
  const V sine = hn::Abs(hn::Sin(d, hn::Mul(set(kPi), hn::Sub(a, hn::Round(a)))));
  return hn::IfThenElse(negative, hn::Sub(hn::Log(d, hn::Div(set(kPi), hn::Mul(a, sine))), y), y);
}
HWY_INLINE M has_lgamma(V x) { return hn::And(some_number(x), hn::Or(hn::Gt(x, set(0)), hn::Not(hn::Eq(hn::Round(x), x)))); }

HWY_INLINE V cosh(V x) {
  const V e = hn::Exp(D(), hn::Abs(x)), half = set(0.5);
  return hn::MulAdd(half, e, hn::Div(half, e));
}
HWY_INLINE V sigmoid(V x) { return hn::Div(set(1), hn::Add(set(1), hn::Exp(D(), hn::Neg(x)))); }
HWY_INLINE V sign(V x) { return hn::IfThenElseZero(hn::Gt(hn::Abs(x), set(0)), hn::CopySign(set(1), x)); }
HWY_INLINE V gelu(V x) {
  const V half = hn::Mul(set(0.5), x);
  return hn::MulAdd(half, erf(hn::Mul(x, set(0.70710678118654752440))), half);
}
HWY_INLINE V gelu_tanh(V x) {
  const V cubic = hn::MulAdd(hn::Mul(x, x), set(0.044715), set(1)), half = hn::Mul(set(0.5), x);
  return hn::MulAdd(half, hn::Tanh(D(), hn::Mul(hn::Mul(set(0.79788456080286535588), x), cubic)), half);
}
HWY_INLINE V atan2(V y, V x) {
  const V a = hn::Abs(y), b = hn::Abs(x);
  const M steep = hn::Gt(a, b);
  V r = hn::Atan(D(), hn::Div(hn::Min(a, b), hn::Max(a, b)));
  r = hn::IfThenElse(steep, hn::Sub(set(kPi / 2), r), r);
  r = hn::IfThenElse(hn::Lt(x, set(0)), hn::Sub(set(kPi), r), r);
  return hn::CopySign(r, y);
}
// The rest of a division is exact where the quotient is: one too large by rounding gives a rest of the wrong
// sign, which is put right.
HWY_INLINE V fmod(V x, V y) {
  const V a = hn::Abs(x), b = hn::Abs(y);
  V r = hn::NegMulAdd(hn::Floor(hn::Div(a, b)), b, a);
  r = hn::IfThenElse(hn::Lt(r, set(0)), hn::Add(r, b), r);
  r = hn::IfThenElse(hn::Ge(r, b), hn::Sub(r, b), r);
  return hn::CopySign(r, x);
}
HWY_INLINE M other_sign(V rest, V y) { return hn::And(hn::Gt(hn::Abs(rest), set(0)), hn::Lt(hn::Mul(hn::CopySign(set(1), rest), hn::CopySign(set(1), y)), set(0))); }
HWY_INLINE V remainder(V x, V y) {
  const V r = fmod(x, y);
  return hn::IfThenElse(other_sign(r, y), hn::Add(r, y), r);
}
HWY_INLINE V div_floor(V x, V y) {
  const V rest = fmod(x, y);
  V q = hn::Div(hn::Sub(x, rest), y);
  q = hn::IfThenElse(other_sign(rest, y), hn::Sub(q, set(1)), q);
  const V down = hn::Floor(q), up = hn::IfThenElse(hn::Gt(hn::Sub(q, down), set(0.5)), hn::Add(down, set(1)), down);
  return hn::IfThenElse(hn::Eq(q, set(0)), hn::CopySign(set(0), hn::Div(x, y)), up);
}
// Quotients of f32 below 2^28 have an exact rest in f64; those of f64 in a fused multiplication.
HWY_INLINE M divides(V x, V y, bool exact) {
#if !HWY_NATIVE_FMA
  if (exact) return hn::Lt(x, hn::Neg(set(kInf)));
#endif
  const V limit = set(exact ? 0x1p50 : 0x1p28);
  return hn::And(hn::And(some_number(x), some_number(y)), hn::And(hn::Gt(hn::Abs(y), set(0)), hn::Lt(hn::Abs(hn::Div(x, y)), limit)));
}
// name, value, where it is right (elsewhere the table's formula gives it)
#define PF_F64_ONLY_STEPS(X)                                            \
  X(ceil, hn::Ceil(x), number(x))                                       \
  X(floor, hn::Floor(x), number(x))                                     \
  X(trunc, hn::Trunc(x), number(x))                                     \
  X(round, hn::Round(x), number(x))                                     \
  X(frac, hn::Sub(x, hn::Trunc(x)), number(x))                          \
  X(sign, sign(x), number(x))                                           \
  X(sgn, sign(x), number(x))                                            \
  X(rsqrt, hn::Div(set(1), hn::Sqrt(x)), number(x))                     \
  X(copysign, hn::CopySign(x, y), number(x))                            \
  X(exp, hn::Exp(D(), x), between(x, -700, 700))                        \
  X(exp2, exp2(x), between(x, -1000, 1000))                             \
  X(expm1, hn::Expm1(D(), x), between(x, -30, 700))                     \
  X(log, hn::Log(D(), x), between(x, 1e-300, kInf))                     \
  X(log2, hn::Log2(D(), x), between(x, 1e-300, kInf))                   \
  X(log10, hn::Log10(D(), x), between(x, 1e-300, kInf))                 \
  X(log1p, hn::Log1p(D(), x), between(x, -0.9999, kInf))                \
  X(sin, hn::Sin(D(), x), between(x, -1e6, 1e6))                        \
  X(cos, hn::Cos(D(), x), between(x, -1e6, 1e6))                        \
  X(asin, hn::Asin(D(), x), between(x, -1, 1))                          \
  X(acos, hn::Acos(D(), x), between(x, -1, 1))                          \
  X(atan, hn::Atan(D(), x), some_number(x))                             \
  X(sinh, hn::Sinh(D(), x), between(x, -700, 700))                      \
  X(cosh, cosh(x), between(x, -700, 700))                               \
  X(tanh, hn::Tanh(D(), x), some_number(x))                             \
  X(asinh, hn::Asinh(D(), x), between(x, -1e100, 1e100))                \
  X(acosh, hn::Acosh(D(), x), between(x, 1, 1e100))                     \
  X(atanh, hn::Atanh(D(), x), between(x, -1, 1))                        \
  X(erf, erf(x), number(x))                                             \
  X(sigmoid, sigmoid(x), between(x, -700, 700))                         \
  X(silu, hn::Mul(x, sigmoid(x)), between(x, -700, 700))                \
  X(gelu, gelu(x), some_number(x))                                      \
  X(gelu_tanh, gelu_tanh(x), between(x, -1e50, 1e50))
#define PF_F32_ONLY_STEPS(X) X(lgamma, lgamma(x), has_lgamma(x))
#define PF_F64_AND_F32_STEPS(X)                                         \
  X(tan, hn::Div(hn::Sin(D(), x), hn::Cos(D(), x)), hn::And(between(x, -1e5, 1e5), hn::Gt(hn::Abs(hn::Cos(D(), x)), set(1e-3)))) \
  X(erfc, erfc(x), between(x, -26, 26))                                 \
  X(erfinv, erfinv(x, kExact), hn::And(between(x, -1, 1), hn::Gt(hn::Abs(x), set(0)))) \
  X(div_trunc, hn::Trunc(hn::Div(x, y)), number(hn::Div(x, y)))         \
  X(div_floor, div_floor(x, y), divides(x, y, kExact))                  \
  X(fmod, fmod(x, y), divides(x, y, kExact))                            \
  X(remainder, remainder(x, y), divides(x, y, kExact))                  \
  X(hypot, hn::Sqrt(hn::MulAdd(x, x, hn::Mul(y, y))), hn::And(between(hn::Max(hn::Abs(x), hn::Abs(y)), 1e-150, 1e150), number(hn::Add(x, y)))) \
  X(atan2, atan2(x, y), hn::And(hn::And(some_number(x), some_number(y)), hn::And(hn::Gt(hn::Abs(x), set(0)), hn::Gt(hn::Abs(y), set(0)))))

// Lanes outside, one by one.
template <class T>
HWY_NOINLINE void use_formula(const pointwise::StepCall& c, V x, V y, M inside, T* out, size_t n) {
  const D d;
  HWY_ALIGN double xs[8], ys[8], good[8];
  hn::Store(x, d, xs);
  hn::Store(y, d, ys);
  hn::Store(hn::IfThenElseZero(inside, set(1)), d, good);
  for (size_t l = 0; l < hn::Lanes(d) && l < n; ++l)
    if (good[l] == 0) out[l] = static_cast<T>(c.op->real(xs[l], ys[l], 0));
}

#define PF_F64_STEP(name, value, where)                                                         \
  void f64_##name(const pointwise::StepCall& c, size_t n) {                                     \
    const D d;                                                                                  \
    [[maybe_unused]] constexpr bool kExact = true;                                              \
    const double* a = static_cast<const double*>(c.in[0]);                                      \
    const double* b = static_cast<const double*>(c.in[1] ? c.in[1] : c.in[0]);                  \
    double* out = static_cast<double*>(c.out);                                                  \
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {                                              \
      const V x = hn::LoadU(d, a + i);                                                          \
      [[maybe_unused]] const V y = hn::LoadU(d, b + i);                                         \
      const M inside = where;                                                                   \
      hn::StoreU(value, d, out + i);                                                            \
      if (HWY_UNLIKELY(!hn::AllTrue(d, inside))) use_formula(c, x, y, inside, out + i, n - i);  \
    }                                                                                           \
  }
// Some targets convert what f32 cannot hold to its largest number.
#define PF_F32_STEP(name, value, where)                                                         \
  void f32_##name(const pointwise::StepCall& c, size_t n) {                                     \
    const D d;                                                                                  \
    const F f;                                                                                  \
    [[maybe_unused]] constexpr bool kExact = false;                                             \
    const float* a = static_cast<const float*>(c.in[0]);                                        \
    const float* b = static_cast<const float*>(c.in[1] ? c.in[1] : c.in[0]);                    \
    float* out = static_cast<float*>(c.out);                                                    \
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {                                              \
      const V x = hn::PromoteTo(d, hn::LoadU(f, a + i));                                        \
      [[maybe_unused]] const V y = hn::PromoteTo(d, hn::LoadU(f, b + i));                       \
      const V v = value;                                                                        \
      const M inside = hn::And(where, hn::Lt(hn::Abs(v), set(3.4e38)));                         \
      hn::StoreU(hn::DemoteTo(f, v), f, out + i);                                               \
      if (HWY_UNLIKELY(!hn::AllTrue(d, inside))) use_formula(c, x, y, inside, out + i, n - i);  \
    }                                                                                           \
  }
PF_F64_ONLY_STEPS(PF_F64_STEP)
PF_F64_AND_F32_STEPS(PF_F64_STEP)
PF_F32_ONLY_STEPS(PF_F32_STEP)
PF_F64_AND_F32_STEPS(PF_F32_STEP)

#if HWY_NATIVE_FMA
// (log((1 + s) / (1 - s)) - 2 s - 2/3 s^3) / s^5 in s^2, and (e^r - 1 - r) / r^2, by Chebyshev fit, errors below 3e-18.
constexpr double kLog[] = {0.130867576669520713, 0.132687605620367254, 0.153862401724478369, 0.181817956314982436, 0.222222223917947275, 0.285714285708032553, 0.400000000000008776};
constexpr double kExp[] = {2.09147728322480897e-9,  2.51053372446652102e-8, 2.75572734365704858e-7, 2.75572551109788893e-6, 2.48015873257107583e-5, 1.98412698750489052e-4,
                           1.38888888888837016e-3, 8.33333333332606976e-3, 4.16666666666666698e-2, 1.6666666666666671e-1,  0.5};

// x^y = exp(y log |x|) with the logarithm in two numbers, the second one what the first has not: the exponential
// magnifies errors by up to 700. With the sign of x where y is odd.
void f64_pow(const pointwise::StepCall& c, size_t n) {
  const D d;
  const hn::RebindToSigned<D> di;
  const double *a = static_cast<const double*>(c.in[0]), *b = static_cast<const double*>(c.in[1]);
  double* out = static_cast<double*>(c.out);
  const V one = set(1), zero = hn::Zero(d);
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    const V x = hn::LoadU(d, a + i), y = hn::LoadU(d, b + i), size = hn::Abs(x);
    // |x| = 2^e m, m from the root of 1/2 to that of 2.
    const auto bits = hn::BitCast(di, size), e = hn::ShiftRight<52>(hn::Sub(bits, hn::Set(di, 0x3fe6a09e667f3bcd)));
    const V m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<52>(e))), exponent = hn::ConvertTo(d, e);
    // s = (m - 1) / (m + 1), and what is left of it.
    const V numerator = hn::Sub(m, one), denominator = hn::Add(m, one), inverse = hn::Div(one, denominator);
    const V s = hn::Mul(numerator, inverse), z = hn::Mul(s, s);
    const V lost = hn::Sub(m, hn::Sub(denominator, one));  // of the denominator
    const V s_rest = hn::Mul(hn::NegMulAdd(s, lost, hn::NegMulAdd(s, denominator, numerator)), inverse);
    // 2/3 s^3 in two numbers too.
    const V z_rest = hn::MulAdd(hn::Add(s, s), s_rest, hn::MulSub(s, s, z)), cube = hn::Mul(z, s), third = hn::Mul(cube, set(2.0 / 3));
    const V cube_rest = hn::MulAdd(z_rest, s, hn::MulAdd(z, s_rest, hn::MulSub(z, s, cube)));
    const V third_rest = hn::MulAdd(cube_rest, set(2.0 / 3), hn::MulAdd(cube, set(3.7007434154171886e-17), hn::MulSub(cube, set(2.0 / 3), third)));
    // e log 2 + log m; the product with the first part of log 2 is exact.
    const V whole = hn::Mul(exponent, set(0.693147180559663)), twice = hn::Add(s, s), most = hn::Add(whole, twice), sum = hn::Add(most, third);
    V rest = hn::MulAdd(exponent, set(2.8235290563031577e-13), hn::MulAdd(hn::Mul(cube, z), polynomial(z, kLog), hn::MulAdd(set(2), s_rest, third_rest)));
    rest = hn::Add(rest, hn::Add(hn::Sub(twice, hn::Sub(most, whole)), hn::Sub(third, hn::Sub(sum, most))));
    const V log = hn::Add(sum, rest), log_rest = hn::Sub(rest, hn::Sub(log, sum));
    const V power = hn::Mul(y, log), power_rest = hn::MulAdd(y, log_rest, hn::MulSub(y, log, power));
    const V k = hn::Round(hn::Mul(power, set(1.44269504088896340736)));
    const V r = hn::Add(hn::NegMulAdd(k, set(2.3190468138462996e-17), hn::NegMulAdd(k, set(0.6931471805599453), power)), power_rest);
    const V value = times_power(hn::Add(one, hn::MulAdd(hn::Mul(r, r), polynomial(r, kExp), r)), k);
    const M is_whole = hn::Eq(hn::Round(y), y), even = hn::Eq(hn::Round(hn::Mul(y, set(0.5))), hn::Mul(y, set(0.5)));
    const M inside = hn::And(hn::And(hn::Or(hn::Gt(x, zero), is_whole), between(size, 1e-300, kInf)), hn::Lt(hn::Abs(power), set(708)));
    hn::StoreU(hn::IfThenElse(hn::AndNot(even, hn::Lt(x, zero)), hn::Neg(value), value), d, out + i);
    if (HWY_UNLIKELY(!hn::AllTrue(d, inside))) use_formula(c, x, y, inside, out + i, n - i);
  }
}
#endif

}  // namespace real

pointwise::StepFn find_double_math(const ops::Pointwise& op, pointwise::Class c) {
#define PF_FIND_F64(fn, ...) \
  if (op.name == #fn) return &real::f64_##fn;
#define PF_FIND_F32(fn, ...) \
  if (op.name == #fn) return &real::f32_##fn;
  if (c == pointwise::Class::f64) {
    PF_F64_ONLY_STEPS(PF_FIND_F64)
    PF_F64_AND_F32_STEPS(PF_FIND_F64)
#if HWY_NATIVE_FMA
    if (op.name == "pow") return &real::f64_pow;
#endif
  }
  if (c == pointwise::Class::f32) {
    PF_F32_ONLY_STEPS(PF_FIND_F32)
    PF_F64_AND_F32_STEPS(PF_FIND_F32)
  }
  return nullptr;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(find_double_math);
namespace pointwise {
StepFn double_math(const ops::Pointwise& op, Class c) { return HWY_DYNAMIC_DISPATCH(find_double_math)(op, c); }
}  // namespace pointwise
}  // namespace portfire
#endif
