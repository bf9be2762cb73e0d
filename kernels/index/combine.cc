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
HWY_INLINE float as_f16(float v) {
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  const hn::CappedTag<float, 1> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> half;
  return hn::GetLane(hn::PromoteTo(d, hn::DemoteTo(half, hn::Set(d, v))));
#else
  const uint32_t u = __builtin_bit_cast(uint32_t, v), sign = u & 0x80000000u, size = u & 0x7fffffffu;
  if (size > 0x7f800000u) return v;
  if (size >= 0x477ff000u) return __builtin_bit_cast(float, sign | 0x7f800000u);
  // Adding 1.5 * 2^k puts the last bit that f16 keeps at the end of the significand.
  const uint32_t exponent = size < 0x38800000u ? 113u : size >> 23;
  const float magic = __builtin_bit_cast(float, ((exponent + 13u) << 23) | 0x400000u);
  const float rounded = (__builtin_bit_cast(float, size) + magic) - magic;
  return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, rounded) | sign);
#endif
}
HWY_INLINE float as_bf16(float v) {
  const uint32_t u = __builtin_bit_cast(uint32_t, v);
  const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) & 0xffff0000u;
  return __builtin_bit_cast(float, (u & 0x7fffffffu) > 0x7f800000u ? u : rounded);
}

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
PF_COMBINATION(f16_sum, float, as_f16(a + b))
PF_COMBINATION(f16_product, float, as_f16(a * b))
PF_COMBINATION(bf16_sum, float, as_bf16(a + b))
PF_COMBINATION(bf16_product, float, as_bf16(a * b))

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

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(combine_f32);
HWY_EXPORT(combine_f64);
HWY_EXPORT(combine_i64);
HWY_EXPORT(combine_i32);
namespace index {
template <>
CombineFn<float> combine_fn(Combine how, DType dtype) { return HWY_DYNAMIC_DISPATCH(combine_f32)(how, dtype); }
template <>
CombineFn<double> combine_fn(Combine how, DType) { return HWY_DYNAMIC_DISPATCH(combine_f64)(how); }
template <>
CombineFn<int64_t> combine_fn(Combine how, DType) { return HWY_DYNAMIC_DISPATCH(combine_i64)(how); }
template <>
CombineFn<int32_t> combine_fn(Combine how, DType) { return HWY_DYNAMIC_DISPATCH(combine_i32)(how); }
}  // namespace index
}  // namespace portfire
#endif
