#include "kernels/index/keys.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/index/keys.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/pointwise/plain_loop.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

// Bits of a negative number count down, so all of them are flipped; of another one the sign is. Adding 0 makes -0 0.
HWY_INLINE uint32_t key_of(float v) {
  const uint32_t u = __builtin_bit_cast(uint32_t, v + 0.0f);
  const uint32_t key = u ^ (static_cast<uint32_t>(static_cast<int32_t>(u) >> 31) | 0x80000000u);
  return v != v ? ~0u : key;
}
HWY_INLINE uint64_t key_of(double v) {
  const uint64_t u = __builtin_bit_cast(uint64_t, v + 0.0);
  const uint64_t key = u ^ (static_cast<uint64_t>(static_cast<int64_t>(u) >> 63) | uint64_t{1} << 63);
  return v != v ? ~uint64_t{0} : key;
}
HWY_INLINE uint64_t key_of(int64_t v) { return static_cast<uint64_t>(v) ^ uint64_t{1} << 63; }
HWY_INLINE uint32_t key_of(int32_t v) { return static_cast<uint32_t>(v) ^ 0x80000000u; }
HWY_INLINE uint32_t key_of(int8_t v) { return key_of(int32_t{v}); }
HWY_INLINE uint32_t key_of(uint8_t v) { return v; }

#define PF_KEYS(name, T, K)                                            \
  K name(K* keys, const T* x, size_t n, bool descending) {             \
    const K flip = descending ? ~K{0} : K{0};                          \
    K least = ~K{0};                                                   \
    PF_PLAIN_LOOP                                                      \
    for (size_t i = 0; i < n; ++i) {                                   \
      const K key = key_of(x[i]) ^ flip;                               \
      keys[i] = key;                                                   \
      least = key < least ? key : least;                               \
    }                                                                  \
    return least;                                                      \
  }                                                                    \
  index::KeysFn<T> find_##name() { return name; }
PF_KEYS(keys_f32, float, uint32_t)
PF_KEYS(keys_f64, double, uint64_t)
PF_KEYS(keys_i64, int64_t, uint64_t)
PF_KEYS(keys_i32, int32_t, uint32_t)
PF_KEYS(keys_i8, int8_t, uint32_t)
PF_KEYS(keys_u8, uint8_t, uint32_t)

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
#define PF_EXPORT(name, T)                                                           \
  HWY_EXPORT(find_##name);                                                           \
  template <>                                                                        \
  index::KeysFn<T> index::keys_fn() { return HWY_DYNAMIC_DISPATCH(find_##name)(); }
PF_EXPORT(keys_f32, float)
PF_EXPORT(keys_f64, double)
PF_EXPORT(keys_i64, int64_t)
PF_EXPORT(keys_i32, int32_t)
PF_EXPORT(keys_i8, int8_t)
PF_EXPORT(keys_u8, uint8_t)
#undef PF_EXPORT
}  // namespace portfire
#endif
