#include "kernels/spatial/pool_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/spatial/pool_rows.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of one target, and of 16 bytes for rows that are shorter.
template <class T>
using Long = hn::ScalableTag<T>;
template <class T>
using Short = hn::CappedTag<T, 16 / sizeof(T)>;

template <class D, class T>
HWY_INLINE void larger_at(D d, T* to, const T* a, const T* b, int64_t i) {
  const auto x = hn::LoadU(d, a + i), y = hn::LoadU(d, b + i);
  hn::StoreU(hn::IfThenElse(hn::Or(hn::Gt(y, x), hn::IsNaN(y)), y, x), d, to + i);
}
template <class D, class T>
HWY_INLINE void larger_with_place_at(D d, T* to, spatial::Number<T>* places, const T* a, const T* b, spatial::Number<T> number, int64_t i) {
  const hn::RebindToSigned<D> di;
  const auto x = hn::LoadU(d, a + i), y = hn::LoadU(d, b + i);
  const auto takes = hn::Or(hn::Gt(y, x), hn::IsNaN(y));
  hn::StoreU(hn::IfThenElse(takes, y, x), d, to + i);
  hn::StoreU(hn::IfThenElse(hn::RebindMask(di, takes), hn::Set(di, number), hn::LoadU(di, places + i)), di, places + i);
}

// Calls f(tag, i) for the vectors of n elements. What is left of a
// vector is the end of one that begins before: a maximum taken twice is the same.
template <class T, class F>
HWY_INLINE void for_vectors(int64_t n, F f) {
  const auto each = [&](auto d) HWY_ATTR {
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = 0; i + lanes <= n; i += lanes) f(d, i);
    if (n % lanes != 0) f(d, n - lanes);
  };
  if (n >= static_cast<int64_t>(hn::Lanes(Long<T>()))) return each(Long<T>());
  if (n >= static_cast<int64_t>(hn::Lanes(Short<T>()))) return each(Short<T>());
  for (int64_t i = 0; i < n; ++i) f(hn::CappedTag<T, 1>(), i);
}

template <class T>
void larger_values(T* to, const T* a, const T* b, int64_t n) {
  for_vectors<T>(n, [=](auto d, int64_t i) HWY_ATTR { larger_at(d, to, a, b, i); });
}
template <class T>
void larger_with_places(T* to, spatial::Number<T>* places, const T* a, const T* b, spatial::Number<T> number, int64_t n) {
  for_vectors<T>(n, [=](auto d, int64_t i) HWY_ATTR { larger_with_place_at(d, to, places, a, b, number, i); });
}

spatial::RowMaxima<float> row_maxima_f32() { return {larger_values<float>, larger_with_places<float>}; }
spatial::RowMaxima<double> row_maxima_f64() { return {larger_values<double>, larger_with_places<double>}; }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(row_maxima_f32);
HWY_EXPORT(row_maxima_f64);
namespace spatial {
template <>
RowMaxima<float> row_maxima() { return HWY_DYNAMIC_DISPATCH(row_maxima_f32)(); }
template <>
RowMaxima<double> row_maxima() { return HWY_DYNAMIC_DISPATCH(row_maxima_f64)(); }
}  // namespace spatial
}  // namespace portfire
#endif
