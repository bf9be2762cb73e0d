#include "kernels/index/combine.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/index/combine.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/pointwise/plain_loop.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Floats as f16 or bf16 hold them. A sum or product of two such numbers loses nothing that the second rounding
// would need when it is rounded to f32 first: 24 bits are more than twice 11.
// A NaN made of two such numbers has zeros where bf16 would round it, so nothing is carried into it.
template <class D>
HWY_INLINE hn::Vec<D> as_bf16(D d, hn::Vec<D> v) {
  const hn::RebindToUnsigned<D> du;
  const auto u = hn::BitCast(du, v);
  const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1u));
  return hn::BitCast(d, hn::And(hn::Add(hn::Add(u, odd), hn::Set(du, 0x7fffu)), hn::Set(du, 0xffff0000u)));
}
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
template <class D>
HWY_INLINE hn::Vec<D> as_f16(D d, hn::Vec<D> v) {
  return hn::PromoteTo(d, hn::DemoteTo(hn::Rebind<hwy::float16_t, D>(), v));
}
#else
HWY_INLINE float as_f16(float v) {
  const uint32_t u = __builtin_bit_cast(uint32_t, v), sign = u & 0x80000000u, size = u & 0x7fffffffu;
  if (size > 0x7f800000u) return v;
  if (size >= 0x477ff000u) return __builtin_bit_cast(float, sign | 0x7f800000u);
  // Adding 1.5 * 2^k puts the last bit that f16 keeps at the end of the significand.
  const uint32_t exponent = size < 0x38800000u ? 113u : size >> 23;
  const float magic = __builtin_bit_cast(float, ((exponent + 13u) << 23) | 0x400000u);
  const float rounded = (__builtin_bit_cast(float, size) + magic) - magic;
  return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, rounded) | sign);
}
#endif

// name, type, of elements a and b; integers wrap
#define PF_COMBINATION(name, T, ...)                                                                            \
  void name(T* y, int64_t step, int64_t stride, const int64_t* numbers, const T* x, size_t n) {                 \
    if (!numbers && step == 1) {                                                                                \
      PF_PLAIN_LOOP                                                                                             \
      for (size_t j = 0; j < n; ++j) {                                                                          \
        const T a = y[j], b = x[j];                                                                             \
        y[j] = __VA_ARGS__;                                                                                     \
      }                                                                                                         \
      return;                                                                                                   \
    }                                                                                                           \
    for (size_t j = 0; j < n; ++j) {                                                                            \
      T& at = y[static_cast<int64_t>(j) * step + (numbers ? numbers[j] * stride : 0)];                          \
      const T a = at, b = x[j];                                                                                 \
      at = __VA_ARGS__;                                                                                         \
    }                                                                                                           \
  }
#define PF_COMBINATIONS(prefix, T, U)                                                        \
  PF_COMBINATION(prefix##_sum, T, static_cast<T>(static_cast<U>(a) + static_cast<U>(b)))     \
  PF_COMBINATION(prefix##_product, T, static_cast<T>(static_cast<U>(a) * static_cast<U>(b))) \
  PF_COMBINATION(prefix##_maximum, T, (b > a) | (b != b && a == a) ? b : a)                  \
  PF_COMBINATION(prefix##_minimum, T, (b < a) | (b != b && a == a) ? b : a)
PF_COMBINATIONS(f32, float, float)
PF_COMBINATIONS(f64, double, double)
PF_COMBINATIONS(i64, int64_t, uint64_t)
PF_COMBINATIONS(i32, int32_t, uint32_t)
PF_COMBINATIONS(i8, int8_t, uint32_t)
PF_COMBINATIONS(u8, uint8_t, uint32_t)

// Rounded in vectors, of one element where that has a number: there the element stays until it is stored.
#define PF_ROUNDED(name, rounded, op)                                                                             \
  void name(float* y, int64_t step, int64_t stride, const int64_t* numbers, const float* x, size_t n) {           \
    const hn::ScalableTag<float> d;                                                                               \
    const hn::CappedTag<float, 1> one;                                                                            \
    size_t j = 0;                                                                                                 \
    if (!numbers && step == 1)                                                                                    \
      for (; j + hn::Lanes(d) <= n; j += hn::Lanes(d))                                                            \
        hn::StoreU(rounded(d, hn::op(hn::LoadU(d, y + j), hn::LoadU(d, x + j))), d, y + j);                       \
    for (; j < n; ++j) {                                                                                          \
      float& at = y[static_cast<int64_t>(j) * step + (numbers ? numbers[j] * stride : 0)];                        \
      at = hn::GetLane(rounded(one, hn::op(hn::Set(one, at), hn::Set(one, x[j]))));                               \
    }                                                                                                             \
  }
PF_ROUNDED(bf16_sum, as_bf16, Add)
PF_ROUNDED(bf16_product, as_bf16, Mul)
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
PF_ROUNDED(f16_sum, as_f16, Add)
PF_ROUNDED(f16_product, as_f16, Mul)
#else
PF_COMBINATION(f16_sum, float, as_f16(a + b))
PF_COMBINATION(f16_product, float, as_f16(a * b))
#endif

#define PF_CHOOSE(prefix)                                                        \
  switch (how) {                                                                 \
    case index::Combine::sum: return prefix##_sum;                               \
    case index::Combine::product: return prefix##_product;                       \
    case index::Combine::maximum: return prefix##_maximum;                       \
    case index::Combine::minimum: return prefix##_minimum;                       \
    case index::Combine::store: return nullptr;                                  \
  }                                                                              \
  return nullptr;
index::CombineFn<float> combine_f32(index::Combine how, DType dtype) {
  const bool adds = how == index::Combine::sum;
  if (adds || how == index::Combine::product) {
    if (dtype == DType::f16) return adds ? f16_sum : f16_product;
    if (dtype == DType::bf16) return adds ? bf16_sum : bf16_product;
  }
  PF_CHOOSE(f32)
}
index::CombineFn<double> combine_f64(index::Combine how) { PF_CHOOSE(f64) }
index::CombineFn<int64_t> combine_i64(index::Combine how) { PF_CHOOSE(i64) }
index::CombineFn<int32_t> combine_i32(index::Combine how) { PF_CHOOSE(i32) }
index::CombineFn<int8_t> combine_i8(index::Combine how) { PF_CHOOSE(i8) }
index::CombineFn<uint8_t> combine_u8(index::Combine how) { PF_CHOOSE(u8) }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(combine_f32);
HWY_EXPORT(combine_f64);
HWY_EXPORT(combine_i64);
HWY_EXPORT(combine_i32);
HWY_EXPORT(combine_i8);
HWY_EXPORT(combine_u8);
namespace index {
template <>
CombineFn<float> combine_fn(Combine how, DType dtype) { return HWY_DYNAMIC_DISPATCH(combine_f32)(how, dtype); }
template <>
CombineFn<double> combine_fn(Combine how, DType) { return HWY_DYNAMIC_DISPATCH(combine_f64)(how); }
template <>
CombineFn<int64_t> combine_fn(Combine how, DType) { return HWY_DYNAMIC_DISPATCH(combine_i64)(how); }
template <>
CombineFn<int32_t> combine_fn(Combine how, DType) { return HWY_DYNAMIC_DISPATCH(combine_i32)(how); }
template <>
CombineFn<int8_t> combine_fn(Combine how, DType) { return HWY_DYNAMIC_DISPATCH(combine_i8)(how); }
template <>
CombineFn<uint8_t> combine_fn(Combine how, DType) { return HWY_DYNAMIC_DISPATCH(combine_u8)(how); }
}  // namespace index
}  // namespace portfire
#endif
