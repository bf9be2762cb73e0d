// Steps of f32 (and of f16 and bf16, widened) that are arithmetic; f32_math.cc has the functions.
#include "kernels/pointwise/steps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/f32_steps.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/pointwise/f32_loop.h"
#include "kernels/simd_math.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

// name, expression of vectors x (and y) with tag d. What Highway's Max and Min give beside a NaN depends
// on the target; its comparisons with one are false.
#define PF_F32_UNARIES(X)                                              \
  X(abs, hn::Abs(x))                                                   \
  X(neg, hn::Neg(x))                                                   \
  X(square, hn::Mul(x, x))                                             \
  X(relu, max_or_second(hn::Zero(d), x))                               \
  X(ceil, hn::Ceil(x))                                                 \
  X(floor, hn::Floor(x))                                               \
  X(trunc, hn::Trunc(x))                                               \
  X(round, hn::Round(x))                                               \
  X(frac, hn::Sub(x, hn::Trunc(x)))                                    \
  X(sign, sign_of(d, x))                                               \
  X(sgn, sign_of(d, x))                                                \
  X(reciprocal, hn::Div(hn::Set(d, 1.0f), x))                          \
  X(sqrt, hn::Sqrt(x))                                                 \
  X(rsqrt, hn::Div(hn::Set(d, 1.0f), hn::Sqrt(x)))

#define PF_F32_BINARIES(X)                                             \
  X(add, hn::Add(x, y))                                                \
  X(sub, hn::Sub(x, y))                                                \
  X(mul, hn::Mul(x, y))                                                \
  X(div, hn::Div(x, y))                                                \
  X(copysign, hn::CopySign(x, y))                                      \
  X(maximum, hn::IfThenElse(hn::IsNaN(x), x, max_or_second(x, y))) \
  X(minimum, hn::IfThenElse(hn::IsNaN(x), x, min_or_second(x, y))) \
  X(fmax, hn::IfThenElse(hn::IsNaN(x), y, max_or_second(y, x))) \
  X(fmin, hn::IfThenElse(hn::IsNaN(x), y, min_or_second(y, x)))

// 1 or -1, 0 for zeros and NaN.
HWY_INLINE F32Vec sign_of(F32Tag d, F32Vec x) {
  const F32Vec one = hn::CopySign(hn::Set(d, 1.0f), x);
  return hn::IfThenElseZero(hn::Gt(hn::Abs(x), hn::Zero(d)), one);
}

PF_F32_UNARIES(PF_F32_UNARY)
PF_F32_BINARIES(PF_F32_BINARY)

pointwise::StepFn find_f32_step(const ops::Pointwise& op) {
  PF_F32_UNARIES(PF_F32_FIND)
  PF_F32_BINARIES(PF_F32_FIND)
  return nullptr;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(find_f32_step);
namespace pointwise {
StepFn f32_step(const ops::Pointwise& op) { return HWY_DYNAMIC_DISPATCH(find_f32_step)(op); }
}  // namespace pointwise
}  // namespace portfire
#endif
