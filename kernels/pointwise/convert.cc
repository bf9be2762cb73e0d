// Strips to and from memory, and between classes: plain loops, which the compiler turns into vector
// code for each ISA. Nothing branches on values, so that it can.
#include "kernels/pointwise/steps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/convert.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/pointwise/plain_loop.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// core/float16.h without branches: every case is computed, one is chosen.
HWY_INLINE float from_f16(uint16_t h) {
  const uint32_t sign = (h & 0x8000u) << 16, magnitude = h & 0x7fffu;
  const uint32_t normal = (magnitude << 13) + (112u << 23);    // rebias the exponent by 127 - 15
  const uint32_t special = (magnitude << 13) + (224u << 23);   // infinity, NaN: 31 becomes 255
  const uint32_t tiny = __builtin_bit_cast(uint32_t, static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  return __builtin_bit_cast(float, sign | (magnitude >= 0x7c00u ? special : magnitude >= 0x400u ? normal : tiny));
}
HWY_INLINE uint16_t to_f16(float f) {
  const uint32_t u = __builtin_bit_cast(uint32_t, f), sign = (u >> 16) & 0x8000u, magnitude = u & 0x7fffffffu;
  const uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1) - (112u << 23)) >> 13;
  // Adding 0.5 aligns the significand so that the hardware rounds to a multiple of 2^-24.
  const uint32_t tiny = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
  return static_cast<uint16_t>(sign | (magnitude >= 0x477ff000u ? special : magnitude < 0x38800000u ? tiny : normal));
}
HWY_INLINE float from_bf16(uint16_t h) { return __builtin_bit_cast(float, uint32_t{h} << 16); }
HWY_INLINE uint16_t to_bf16(float f) {
  const uint32_t u = __builtin_bit_cast(uint32_t, f);
  const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16, nan = (u >> 16) | 0x40u;
  return static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

// C leaves conversions out of range open. As on x86: the smallest int64, for narrower types the
// smallest int32, cut off.
HWY_INLINE int64_t whole64(double v) {
  const double in_range = (v >= -0x1p63) & (v < 0x1p63) ? v : -0x1p63;
  return static_cast<int64_t>(in_range);
}
HWY_INLINE int32_t whole32(double v) {
  const double in_range = (v > -2147483649.0) & (v < 2147483648.0) ? v : -2147483648.0;
  return static_cast<int32_t>(in_range);
}
HWY_INLINE int32_t whole32(float v) {
  const float in_range = (v >= -2147483648.0f) & (v < 2147483648.0f) ? v : -2147483648.0f;
  return static_cast<int32_t>(in_range);
}

// name, type in memory, type of the class, to it, from it
#define PF_STORED_TYPES(X)                                              \
  X(f64, double, double, v, v)                                          \
  X(f32, float, float, v, v)                                            \
  X(i64, int64_t, int64_t, v, v)                                        \
  X(i32, int32_t, int32_t, v, v)                                        \
  X(i8, int8_t, int8_t, v, v)                                           \
  X(u8, uint8_t, uint8_t, v, v)                                         \
  X(boolean, uint8_t, uint8_t, v != 0, v)                               \
  X(i16, int16_t, int32_t, v, static_cast<int16_t>(v))                  \
  X(f16, uint16_t, float, from_f16(v), to_f16(v))                       \
  X(bf16, uint16_t, float, from_bf16(v), to_bf16(v))

#define X(name, Memory, Strip, loaded, stored)                                                 \
  void load_##name(void* strip, const void* memory, int64_t stride, size_t n) {                \
    const Memory* in = static_cast<const Memory*>(memory);                                     \
    Strip* out = static_cast<Strip*>(strip);                                                   \
    if (stride == 1) {                                                                         \
      PF_PLAIN_LOOP                                                                            \
      for (size_t i = 0; i < n; ++i) {                                                         \
        const Memory v = in[i];                                                                \
        out[i] = loaded;                                                                       \
      }                                                                                        \
    } else if (stride == 0) {                                                                  \
      const Memory v = *in;                                                                    \
      const Strip same = loaded;                                                               \
      for (size_t i = 0; i < n; ++i) out[i] = same;                                            \
    } else {                                                                                   \
      for (size_t i = 0; i < n; ++i, in += stride) {                                           \
        const Memory v = *in;                                                                  \
        out[i] = loaded;                                                                       \
      }                                                                                        \
    }                                                                                          \
  }                                                                                            \
  void store_##name(void* memory, const void* strip, int64_t stride, size_t n) {               \
    const Strip* in = static_cast<const Strip*>(strip);                                        \
    Memory* out = static_cast<Memory*>(memory);                                                \
    if (stride == 1) {                                                                         \
      PF_PLAIN_LOOP                                                                            \
      for (size_t i = 0; i < n; ++i) {                                                         \
        const Strip v = in[i];                                                                 \
        out[i] = stored;                                                                       \
      }                                                                                        \
    } else {                                                                                   \
      for (size_t i = 0; i < n; ++i, out += stride) {                                          \
        const Strip v = in[i];                                                                 \
        *out = stored;                                                                         \
      }                                                                                        \
    }                                                                                          \
  }
PF_STORED_TYPES(X)
#undef X

// AVX2 machines convert f16 themselves, with the same rounding.
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
void load_f16_by_vectors(void* strip, const void* memory, int64_t stride, size_t n) {
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> half;
  const auto* in = static_cast<const hwy::float16_t*>(memory);
  auto* out = static_cast<float*>(strip);
  size_t i = 0;
  if (stride == 1)
    for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(hn::PromoteTo(d, hn::LoadU(half, in + i)), d, out + i);
  load_f16(out + i, in + i, stride, n - i);
}
void store_f16_by_vectors(void* memory, const void* strip, int64_t stride, size_t n) {
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> half;
  const auto* in = static_cast<const float*>(strip);
  auto* out = static_cast<hwy::float16_t*>(memory);
  size_t i = 0;
  if (stride == 1)
    for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(hn::DemoteTo(half, hn::LoadU(d, in + i)), half, out + i);
  store_f16(out + i, in + i, stride, n - i);
}
#else
constexpr auto load_f16_by_vectors = load_f16;
constexpr auto store_f16_by_vectors = store_f16;
#endif

// bf16 is rounded as to_bf16 does; packing by hand takes half the time of what compilers make of it.
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
HWY_INLINE hn::Vec<hn::CappedTag<uint32_t, 16>> rounded_bf16(hn::Vec<hn::CappedTag<float, 16>> v) {
  const hn::CappedTag<uint32_t, 16> d;
  const auto u = hn::BitCast(d, v);
  const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(d, 1u));
  const auto near = hn::ShiftRight<16>(hn::Add(u, hn::Add(odd, hn::Set(d, 0x7fffu))));
  const auto nan = hn::Or(hn::ShiftRight<16>(u), hn::Set(d, 0x40u));
  return hn::IfThenElse(hn::RebindMask(d, hn::IsNaN(v)), nan, near);
}
void store_bf16_by_vectors(void* memory, const void* strip, int64_t stride, size_t n) {
  const hn::CappedTag<float, 16> d;
  const hn::RebindToSigned<decltype(d)> whole;
  const hn::Rebind<uint16_t, decltype(d)> half;
  const auto* in = static_cast<const float*>(strip);
  auto* out = static_cast<uint16_t*>(memory);
  size_t i = 0;
  if (stride == 1)
    for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(hn::DemoteTo(half, hn::BitCast(whole, rounded_bf16(hn::LoadU(d, in + i)))), half, out + i);
  store_bf16(out + i, in + i, stride, n - i);
}
void narrow_bf16_by_vectors(void* strip, size_t n) {
  const hn::CappedTag<float, 16> d;
  auto* p = static_cast<float*>(strip);
  for (size_t i = 0; i < pointwise::padded(n); i += hn::Lanes(d)) hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(rounded_bf16(hn::LoadU(d, p + i)))), d, p + i);
}
#else
constexpr auto store_bf16_by_vectors = store_bf16;
#endif

#define PF_NARROW(name, Strip, expression)         \
  void narrow_##name(void* strip, size_t n) {      \
    Strip* p = static_cast<Strip*>(strip);         \
    n = pointwise::padded(n);                      \
    PF_PLAIN_LOOP                                  \
    for (size_t i = 0; i < n; ++i) {               \
      const Strip v = p[i];                        \
      p[i] = expression;                           \
    }                                              \
  }
PF_NARROW(f16, float, from_f16(to_f16(v)))
PF_NARROW(bf16, float, from_bf16(to_bf16(v)))
PF_NARROW(i16, int32_t, static_cast<int16_t>(v))

// name of the class, its type, v as int64, v as int32
#define PF_CLASSES(X)                            \
  X(f32, float, whole64(v), whole32(v))          \
  X(f64, double, whole64(v), whole32(v))         \
  X(i64, int64_t, v, v)                          \
  X(i32, int32_t, v, v)                          \
  X(i8, int8_t, v, v)                            \
  X(u8, uint8_t, v, v)

#define PF_CONVERT(from, to, From, To, expression)                    \
  void from##_to_##to(void* strip, const void* source, size_t n) {    \
    const From* in = static_cast<const From*>(source);                \
    To* out = static_cast<To*>(strip);                                \
    n = pointwise::padded(n);                                         \
    PF_PLAIN_LOOP                                                     \
    for (size_t i = 0; i < n; ++i) {                                  \
      const From v = in[i];                                           \
      out[i] = static_cast<To>(expression);                           \
    }                                                                 \
  }
#define X(name, T, as_i64, as_i32)                   \
  PF_CONVERT(name, f32, T, float, v)                 \
  PF_CONVERT(name, f64, T, double, v)                \
  PF_CONVERT(name, i64, T, int64_t, as_i64)          \
  PF_CONVERT(name, i32, T, int32_t, as_i32)          \
  PF_CONVERT(name, i8, T, int8_t, as_i32)            \
  PF_CONVERT(name, u8, T, uint8_t, as_i32)           \
  PF_CONVERT(name, boolean, T, uint8_t, v != 0)
PF_CLASSES(X)
#undef X

// Below AVX-512 no instruction makes an i64 of a float. Where all of a vector fit into i32 that does: else one by one.
void f32_to_i64_by_vectors(void* strip, const void* source, size_t n) {
  const hn::CappedTag<int64_t, 8> wide;
  const hn::Rebind<float, decltype(wide)> d;
  const hn::Rebind<int32_t, decltype(wide)> narrow;
  const float* in = static_cast<const float*>(source);
  int64_t* out = static_cast<int64_t*>(strip);
  for (size_t i = 0; i < pointwise::padded(n); i += hn::Lanes(d)) {
    const auto v = hn::LoadU(d, in + i);
    if (HWY_LIKELY(hn::AllTrue(d, hn::Lt(hn::Abs(v), hn::Set(d, 0x1p31f))))) {
      hn::StoreU(hn::PromoteTo(wide, hn::ConvertTo(narrow, v)), wide, out + i);
    } else {
      for (size_t k = 0; k < hn::Lanes(d); ++k) out[i + k] = whole64(in[i + k]);
    }
  }
}

#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
void narrow_f16_by_vectors(void* strip, size_t n) {
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> half;
  auto* p = static_cast<float*>(strip);
  for (size_t i = 0; i < pointwise::padded(n); i += hn::Lanes(d)) hn::StoreU(hn::PromoteTo(d, hn::DemoteTo(half, hn::LoadU(d, p + i))), d, p + i);
}
#else
constexpr auto narrow_f16_by_vectors = narrow_f16;
constexpr auto narrow_bf16_by_vectors = narrow_bf16;
#endif

pointwise::LoadFn find_load(DType t) {
  if (t == DType::f16) return load_f16_by_vectors;
#define X(name, ...) \
  if (t == DType::name) return &load_##name;
  PF_STORED_TYPES(X)
#undef X
  return nullptr;
}
pointwise::StoreFn find_store(DType t) {
  if (t == DType::f16) return store_f16_by_vectors;
  if (t == DType::bf16) return store_bf16_by_vectors;
#define X(name, ...) \
  if (t == DType::name) return &store_##name;
  PF_STORED_TYPES(X)
#undef X
  return nullptr;
}
pointwise::NarrowFn find_narrow(DType t) {
  return t == DType::f16 ? narrow_f16_by_vectors : t == DType::bf16 ? narrow_bf16_by_vectors : t == DType::i16 ? &narrow_i16 : nullptr;
}
pointwise::ConvertFn find_convert(pointwise::Class from, DType to) {
  if (from == pointwise::Class::f32 && to == DType::i64) return f32_to_i64_by_vectors;
#define X(name, ...)                                  \
  if (from == pointwise::Class::name) {               \
    if (to == DType::boolean) return &name##_to_boolean; \
    switch (pointwise::class_of(to)) {                \
      case pointwise::Class::f32: return &name##_to_f32; \
      case pointwise::Class::f64: return &name##_to_f64; \
      case pointwise::Class::i64: return &name##_to_i64; \
      case pointwise::Class::i32: return &name##_to_i32; \
      case pointwise::Class::i8: return &name##_to_i8; \
      case pointwise::Class::u8: return &name##_to_u8; \
    }                                                 \
  }
  PF_CLASSES(X)
#undef X
  return nullptr;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(find_load);
HWY_EXPORT(find_store);
HWY_EXPORT(find_narrow);
HWY_EXPORT(find_convert);
namespace pointwise {
LoadFn load_fn(DType t) { return HWY_DYNAMIC_DISPATCH(find_load)(t); }
StoreFn store_fn(DType t) { return HWY_DYNAMIC_DISPATCH(find_store)(t); }
NarrowFn narrow_fn(DType t) { return HWY_DYNAMIC_DISPATCH(find_narrow)(t); }
ConvertFn convert_fn(Class from, DType to) { return HWY_DYNAMIC_DISPATCH(find_convert)(from, to); }
}  // namespace pointwise
}  // namespace portfire
#endif
