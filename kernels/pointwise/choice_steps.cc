// Steps that choose between values, or between a few sums and products, in vectors of the class: bounds,
// thresholds, activations of straight pieces, losses that are squares near 0, neighbours.
#include "kernels/pointwise/steps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/choice_steps.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd_math.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace choice {

// At most 64 bytes: strips are padded to 64 elements.
template <class T>
using D = hn::CappedTag<T, 64 / sizeof(T)>;
template <class T>
using V = hn::Vec<D<T>>;

template <class T>
HWY_INLINE V<T> set(double v) { return hn::Set(D<T>(), static_cast<T>(v)); }

// A NaN stays, and is no bound.
template <class T>
HWY_INLINE V<T> clamp(V<T> x, V<T> low, V<T> high) {
  if constexpr (hwy::IsFloat<T>()) return min_or_second(high, max_or_second(low, x));
  else return hn::Min(hn::Max(x, low), high);
}
// A NaN is above any threshold.
template <class T>
HWY_INLINE V<T> threshold(V<T> x, V<T> y, V<T> value) {
  if constexpr (hwy::IsFloat<T>())
    return hn::IfThenElse(hn::Le(x, y), value, x);
  else
    return hn::IfThenElse(hn::Gt(x, y), x, value);
}
template <class T>
HWY_INLINE V<T> softshrink(V<T> x, V<T> l) {
  const V<T> below = hn::IfThenElse(hn::Lt(x, hn::Neg(l)), hn::Add(x, l), hn::Mul(x, set<T>(0)));
  return hn::IfThenElse(hn::Gt(x, l), hn::Sub(x, l), below);
}
template <class T>
HWY_INLINE V<T> lerp(V<T> x, V<T> y, V<T> weight) {
  const V<T> difference = hn::Sub(y, x);
  const V<T> from_end = hn::NegMulAdd(difference, hn::Sub(set<T>(1), weight), y);
  return hn::IfThenElse(hn::Lt(hn::Abs(weight), set<T>(0.5)), hn::MulAdd(difference, weight, x), from_end);
}
template <class T>
HWY_INLINE V<T> smooth_l1(V<T> x, V<T> y, V<T> beta) {
  const V<T> d = hn::Abs(hn::Sub(x, y)), half = set<T>(0.5);
  return hn::IfThenElse(hn::Lt(d, beta), hn::Div(hn::Mul(half, hn::Mul(d, d)), beta), hn::NegMulAdd(half, beta, d));
}
template <class T>
HWY_INLINE V<T> huber(V<T> x, V<T> y, V<T> delta) {
  const V<T> d = hn::Abs(hn::Sub(x, y)), half = set<T>(0.5);
  return hn::IfThenElse(hn::Le(d, delta), hn::Mul(half, hn::Mul(d, d)), hn::Mul(delta, hn::NegMulAdd(half, delta, d)));
}
// The bits of a float, as a whole number, count through its magnitudes. A bf16 is the upper half of an f32.
template <class T>
HWY_INLINE V<T> nextafter(V<T> x, V<T> y, DType dtype) {
  const D<T> d;
  const hn::RebindToUnsigned<D<T>> whole;
  const auto unit = hn::Set(whole, dtype == DType::bf16 ? 0x10000 : 1), bits = hn::BitCast(whole, x);
  const auto grows = hn::MaskFromVec(hn::Xor(hn::VecFromMask(d, hn::Lt(x, y)), hn::VecFromMask(d, hn::Lt(x, set<T>(0)))));
  const V<T> moved = hn::IfThenElse(grows, hn::BitCast(d, hn::Add(bits, unit)), hn::BitCast(d, hn::Sub(bits, unit)));
  const V<T> from_0 = hn::CopySign(hn::BitCast(d, unit), y);
  const V<T> r = hn::IfThenElse(hn::Eq(x, y), y, hn::IfThenElse(hn::Eq(x, set<T>(0)), from_0, moved));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::IfThenElse(hn::IsNaN(y), y, r));
}

// name, value of vectors x, y, z of T
#define PF_CHOICES(X, ...)                                                                     \
  X(clamp, clamp<T>(x, y, z), __VA_ARGS__)                                                     \
  X(threshold, threshold<T>(x, y, z), __VA_ARGS__)
// Rounded twice, as the two steps would be that it stands for.
#define PF_PRODUCTS(X, ...) X(addcmul, hn::Add(x, hn::Mul(y, z)), __VA_ARGS__)
#define PF_FLOAT_CHOICES(X, ...)                                                               \
  X(leaky_relu, hn::IfThenElse(hn::Gt(x, set<T>(0)), x, hn::Mul(x, y)), __VA_ARGS__)           \
  X(hardshrink, hn::IfThenElse(hn::Le(hn::Abs(x), y), set<T>(0), x), __VA_ARGS__)              \
  X(softshrink, softshrink<T>(x, y), __VA_ARGS__)                                              \
  X(hardsigmoid, hn::Div(clamp<T>(hn::Add(x, set<T>(3)), set<T>(0), set<T>(6)), set<T>(6)), __VA_ARGS__) \
  X(hardswish, hn::Mul(x, hn::Div(clamp<T>(hn::Add(x, set<T>(3)), set<T>(0), set<T>(6)), set<T>(6))), __VA_ARGS__) \
  X(replace_nan, hn::IfThenElse(hn::IsNaN(x), y, x), __VA_ARGS__)                              \
  X(replace_inf, hn::IfThenElse(hn::Eq(x, set<T>(kInf)), y, hn::IfThenElse(hn::Eq(x, set<T>(-kInf)), z, x)), __VA_ARGS__) \
  X(lerp, lerp<T>(x, y, z), __VA_ARGS__)                                                       \
  X(smooth_l1, smooth_l1<T>(x, y, z), __VA_ARGS__)                                             \
  X(huber, huber<T>(x, y, z), __VA_ARGS__)                                                     \
  X(nextafter, nextafter<T>(x, y, c.dtype), __VA_ARGS__)

constexpr double kInf = __builtin_inf();

// Steps of fewer operands read their first one again.
#define PF_STEP(name, value, type, T_)                                          \
  void type##_##name(const pointwise::StepCall& c, size_t n) {                  \
    using T = T_;                                                               \
    const D<T> d;                                                               \
    const T* a = static_cast<const T*>(c.in[0]);                                \
    const T* b = static_cast<const T*>(c.in[1] ? c.in[1] : c.in[0]);            \
    const T* e = static_cast<const T*>(c.in[2] ? c.in[2] : c.in[0]);            \
    T* out = static_cast<T*>(c.out);                                            \
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {                              \
      const V<T> x = hn::LoadU(d, a + i);                                       \
      [[maybe_unused]] const V<T> y = hn::LoadU(d, b + i), z = hn::LoadU(d, e + i); \
      hn::StoreU(value, d, out + i);                                            \
    }                                                                           \
  }
#define PF_TYPES(X) X(f32, float) X(f64, double) X(i64, int64_t) X(i32, int32_t) X(i8, int8_t) X(u8, uint8_t)
#define PF_PRODUCT_TYPES(X) X(f32, float) X(f64, double) X(i64, int64_t) X(i32, int32_t)
#define X(type, T) PF_CHOICES(PF_STEP, type, T)
PF_TYPES(X)
#undef X
#define X(type, T) PF_PRODUCTS(PF_STEP, type, T)
PF_PRODUCT_TYPES(X)
#undef X
PF_FLOAT_CHOICES(PF_STEP, f32, float)
PF_FLOAT_CHOICES(PF_STEP, f64, double)

}  // namespace choice

pointwise::StepFn find_choice_step(const ops::Pointwise& op, pointwise::Class c) {
#define PF_FIND(fn, value, type) \
  if (op.name == #fn) return &choice::type##_##fn;
#define X(type, T)                   \
  if (c == pointwise::Class::type) { \
    PF_CHOICES(PF_FIND, type)        \
  }
  PF_TYPES(X)
#undef X
#define X(type, T)                   \
  if (c == pointwise::Class::type) { \
    PF_PRODUCTS(PF_FIND, type)       \
  }
  PF_PRODUCT_TYPES(X)
#undef X
  if (c == pointwise::Class::f32) {
    PF_FLOAT_CHOICES(PF_FIND, f32)
  }
  if (c == pointwise::Class::f64) {
    PF_FLOAT_CHOICES(PF_FIND, f64)
  }
  return nullptr;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(find_choice_step);
namespace pointwise {
StepFn choice_step(const ops::Pointwise& op, Class c) { return HWY_DYNAMIC_DISPATCH(find_choice_step)(op, c); }
}  // namespace pointwise
}  // namespace portfire
#endif
