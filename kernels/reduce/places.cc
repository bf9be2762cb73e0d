#include "kernels/reduce/places.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce/places.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/pointwise/plain_loop.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

// A block at a time: whether it has the value is a loop without a branch.
#define PF_PLACES(name, T)                                                                              \
  size_t find_##name(const T* x, size_t n, T value) {                                                   \
    constexpr size_t kBlock = 64;                                                                       \
    const bool nan = value != value;                                                                    \
    size_t i = 0;                                                                                       \
    for (; i + kBlock <= n; i += kBlock) {                                                              \
      reduce::Place<T> any = 0;                                                                         \
      for (size_t j = 0; j < kBlock; ++j) any |= (x[i + j] == value) | (nan & (x[i + j] != x[i + j]));  \
      if (any) break;                                                                                   \
    }                                                                                                   \
    while (i < n && !(x[i] == value || (nan && x[i] != x[i]))) ++i;                                     \
    return i;                                                                                           \
  }                                                                                                     \
  PF_COLUMN(column_##name##_greatest, T, (v > b) | ((v != v) & (b == b)))                               \
  PF_COLUMN(column_##name##_least, T, (v < b) | ((v != v) & (b == b)))                                  \
  PF_COLUMN(latest_##name##_greatest, T, ((v >= b) & (b == b)) | (v != v))                              \
  PF_COLUMN(latest_##name##_least, T, ((v <= b) & (b == b)) | (v != v))                                 \
  reduce::PlaceFunctions<T> places_##name(bool greatest) {                                              \
    if (greatest) return {find_##name, column_##name##_greatest, latest_##name##_greatest};             \
    return {find_##name, column_##name##_least, latest_##name##_least};                                 \
  }
#define PF_COLUMN(name, T, ...)                                                                         \
  void name(T* best, reduce::Place<T>* places, const T* x, size_t n, reduce::Place<T> place) {          \
    PF_PLAIN_LOOP                                                                                       \
    for (size_t i = 0; i < n; ++i) {                                                                    \
      const T v = x[i], b = best[i];                                                                    \
      const bool takes = __VA_ARGS__;                                                                   \
      best[i] = takes ? v : b;                                                                          \
      places[i] = takes ? place : places[i];                                                            \
    }                                                                                                   \
  }
PF_PLACES(f32, float)
PF_PLACES(f64, double)
PF_PLACES(i64, int64_t)
PF_PLACES(i32, int32_t)

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
#define PF_EXPORT(name, T)                                                                                        \
  HWY_EXPORT(places_##name);                                                                                      \
  template <>                                                                                                     \
  reduce::PlaceFunctions<T> reduce::place_functions(bool greatest) { return HWY_DYNAMIC_DISPATCH(places_##name)(greatest); }
PF_EXPORT(f32, float)
PF_EXPORT(f64, double)
PF_EXPORT(i64, int64_t)
PF_EXPORT(i32, int32_t)
#undef PF_EXPORT
}  // namespace portfire
#endif
