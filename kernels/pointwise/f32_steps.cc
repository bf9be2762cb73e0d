#include "kernels/pointwise/f32_steps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/f32_steps.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "kernels/simd_math.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<D>;
using V = hn::Vec<D>;

#define PF_OPERANDS                                                   \
  const float* HWY_RESTRICT a = static_cast<const float*>(c.in[0]);   \
  [[maybe_unused]] const float* HWY_RESTRICT b = static_cast<const float*>(c.in[1]);

// name, expression of vectors x (and y) with tag d
#define PF_F32_UNARIES(X)                                              \
  X(abs, hn::Abs(x))                                                   \
  X(neg, hn::Neg(x))                                                   \
  X(square, hn::Mul(x, x))                                             \
  X(relu, hn::IfThenElse(hn::IsNaN(x), x, hn::Max(x, hn::Zero(d))))    \
  X(ceil, hn::Ceil(x))                                                 \
  X(floor, hn::Floor(x))                                               \
  X(trunc, hn::Trunc(x))                                               \
  X(round, hn::Round(x))                                               \
  X(reciprocal, hn::Div(hn::Set(d, 1.0f), x))                          \
  X(sqrt, hn::Sqrt(x))                                                 \
  X(rsqrt, hn::Div(hn::Set(d, 1.0f), hn::Sqrt(x)))                     \
  X(exp, fast_exp(d, x))                                               \
  X(erf, fast_erf(d, x))                                               \
  X(tanh, fast_tanh(d, x))                                             \
  X(sigmoid, fast_sigmoid(d, x))                                       \
  X(silu, hn::Mul(x, fast_sigmoid(d, x)))                              \
  X(gelu, hn::Mul(hn::Mul(hn::Set(d, 0.5f), x), hn::Add(hn::Set(d, 1.0f), fast_erf(d, hn::Mul(x, hn::Set(d, 0.70710678f)))))) \
  X(gelu_tanh, hn::Mul(hn::Mul(hn::Set(d, 0.5f), x),                   \
      hn::Add(hn::Set(d, 1.0f), fast_tanh(d, hn::Mul(hn::Mul(hn::Set(d, 0.79788456f), x), hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715f), hn::Set(d, 1.0f)))))))

#define PF_F32_BINARIES(X)                                             \
  X(add, hn::Add(x, y))                                                \
  X(sub, hn::Sub(x, y))                                                \
  X(mul, hn::Mul(x, y))                                                \
  X(div, hn::Div(x, y))                                                \
  X(maximum, hn::IfThenElse(hn::IsNaN(x), x, hn::IfThenElse(hn::IsNaN(y), y, hn::Max(x, y)))) \
  X(minimum, hn::IfThenElse(hn::IsNaN(x), x, hn::IfThenElse(hn::IsNaN(y), y, hn::Min(x, y))))

// Highway's Ne is false beside a NaN, C's and PyTorch's is true.
#define PF_F32_COMPARISONS(X)   \
  X(eq, hn::Eq(x, y))           \
  X(ne, hn::Not(hn::Eq(x, y)))  \
  X(lt, hn::Lt(x, y))           \
  X(le, hn::Le(x, y))           \
  X(gt, hn::Gt(x, y))           \
  X(ge, hn::Ge(x, y))

#define X(name, expression)                                            \
  void unary_##name(const pointwise::StepCall& c, size_t n) {          \
    PF_OPERANDS                                                        \
    const D d;                                                         \
    float* HWY_RESTRICT out = static_cast<float*>(c.out);              \
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {                     \
      const V x = hn::Load(d, a + i);                                  \
      hn::Store(expression, d, out + i);                               \
    }                                                                  \
  }
PF_F32_UNARIES(X)
#undef X

#define X(name, expression)                                            \
  void binary_##name(const pointwise::StepCall& c, size_t n) {         \
    PF_OPERANDS                                                        \
    const D d;                                                         \
    float* HWY_RESTRICT out = static_cast<float*>(c.out);              \
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {                     \
      const V x = hn::Load(d, a + i), y = hn::Load(d, b + i);          \
      hn::Store(expression, d, out + i);                               \
    }                                                                  \
  }
PF_F32_BINARIES(X)
#undef X

#define X(name, expression)                                               \
  void compare_##name(const pointwise::StepCall& c, size_t n) {        \
    PF_OPERANDS                                                        \
    const D d;                                                         \
    const DI di;                                                       \
    int32_t* HWY_RESTRICT out = static_cast<int32_t*>(c.out);          \
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {                     \
      const V x = hn::Load(d, a + i), y = hn::Load(d, b + i);          \
      const auto mask = expression;                                    \
      hn::Store(hn::IfThenElseZero(hn::RebindMask(di, mask), hn::Set(di, 1)), di, out + i); \
    }                                                                  \
  }
PF_F32_COMPARISONS(X)
#undef X

void where(const pointwise::StepCall& c, size_t n) {
  const D d;
  const DI di;
  const int32_t* condition = static_cast<const int32_t*>(c.in[0]);
  const float *a = static_cast<const float*>(c.in[1]), *b = static_cast<const float*>(c.in[2]);
  float* out = static_cast<float*>(c.out);
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    const auto mask = hn::RebindMask(d, hn::Ne(hn::Load(di, condition + i), hn::Zero(di)));
    hn::Store(hn::IfThenElse(mask, hn::Load(d, a + i), hn::Load(d, b + i)), d, out + i);
  }
}

pointwise::StepFn find_f32_step(const ops::Pointwise& op) {
#define X(fn, expression) \
  if (op.name == #fn) return &unary_##fn;
  PF_F32_UNARIES(X)
#undef X
#define X(fn, expression) \
  if (op.name == #fn) return &binary_##fn;
  PF_F32_BINARIES(X)
#undef X
#define X(fn, expression) \
  if (op.name == #fn) return &compare_##fn;
  PF_F32_COMPARISONS(X)
#undef X
  return op.name == "where" ? &where : nullptr;
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
