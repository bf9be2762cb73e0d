#include "kernels/spatial/pool_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/spatial/pool_rows.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void larger_values(T* to, const T* a, const T* b, int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto x = hn::LoadU(d, a + i), y = hn::LoadU(d, b + i);
    hn::StoreU(hn::IfThenElse(hn::Or(hn::Gt(y, x), hn::IsNaN(y)), y, x), d, to + i);
  }
  for (; i < n; ++i) to[i] = (b[i] > a[i]) | (b[i] != b[i]) ? b[i] : a[i];
}

template <class T>
void larger_with_places(T* to, spatial::Number<T>* places, const T* a, const T* b, spatial::Number<T> number, int64_t n) {
  const hn::ScalableTag<T> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto here = hn::Set(di, number);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto x = hn::LoadU(d, a + i), y = hn::LoadU(d, b + i);
    const auto takes = hn::Or(hn::Gt(y, x), hn::IsNaN(y));
    hn::StoreU(hn::IfThenElse(takes, y, x), d, to + i);
    hn::StoreU(hn::IfThenElse(hn::RebindMask(di, takes), here, hn::LoadU(di, places + i)), di, places + i);
  }
  for (; i < n; ++i) {
    const bool takes = (b[i] > a[i]) | (b[i] != b[i]);
    to[i] = takes ? b[i] : a[i];
    if (takes) places[i] = number;
  }
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
