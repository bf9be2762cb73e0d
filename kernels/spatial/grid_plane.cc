#include "kernels/spatial/grid_plane.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/spatial/grid_plane.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using spatial::GridPlane;
using spatial::Places;

template <class T>
using Coordinates = hn::CappedTag<T, 16>;
template <class T>
using Coordinate = hn::Vec<Coordinates<T>>;
template <class T>
using Offset = hn::Vec<hn::RebindToSigned<Coordinates<T>>>;
constexpr int kBorder = 1, kReflection = 2;

// From [-1, 1] to pixels, rounded at each step as PyTorch does.
template <class T>
HWY_INLINE Coordinate<T> unnormalised(Coordinates<T> d, Coordinate<T> x, int64_t size, bool aligned) {
  x = hn::Add(x, hn::Set(d, T(1)));
  if (aligned) return hn::Mul(x, hn::Set(d, static_cast<T>(static_cast<double>(size - 1) / 2)));
  return hn::Sub(hn::Mul(x, hn::Set(d, static_cast<T>(static_cast<double>(size) / 2))), hn::Set(d, T(0.5)));
}

// Quotients and sizes so small have exact products in f32, with or without a fused multiplication: the rest is exact.
template <class T>
HWY_INLINE hn::Mask<Coordinates<T>> is_near(Coordinates<T> d, Coordinate<T> x, const GridPlane& p, int64_t size) {
  const T most = p.padding == kReflection ? static_cast<T>(size < 65536 ? 250 * size : 0) : T(4e6);
  return hn::Lt(hn::Abs(x), hn::Set(d, most));
}

template <class T>
HWY_INLINE Coordinate<T> padded(Coordinates<T> d, Coordinate<T> x, int64_t size, const GridPlane& p) {
  const auto zero = hn::Zero(d);
  if (p.padding == kReflection) {
    const auto low = hn::Set(d, p.aligned ? T(0) : T(-0.5)), span = hn::Set(d, static_cast<T>(p.aligned ? size - 1 : size));
    if (p.aligned && size == 1) return zero;
    x = hn::Abs(hn::Sub(x, low));
    const auto flips = hn::Floor(hn::Div(x, span)), half = hn::Mul(flips, hn::Set(d, T(0.5)));
    auto rest = hn::Sub(x, hn::Mul(flips, span));
    rest = hn::IfThenElse(hn::Lt(rest, zero), hn::Add(rest, span), rest);
    rest = hn::IfThenElse(hn::Ge(rest, span), hn::Sub(rest, span), rest);
    x = hn::Add(hn::IfThenElse(hn::Eq(hn::Floor(half), half), rest, hn::Sub(span, rest)), low);
  }
  return p.padding == kBorder || p.padding == kReflection ? hn::Min(hn::Max(x, zero), hn::Set(d, static_cast<T>(size - 1))) : x;
}

template <class T>
HWY_INLINE hn::Mask<Coordinates<T>> is_inside(Coordinates<T> d, Coordinate<T> at, int64_t size) {
  return hn::And(hn::Ge(at, hn::Zero(d)), hn::Lt(at, hn::Set(d, static_cast<T>(size))));
}

// Whole coordinates as an offset: f32 does not hold all of them, f64 does.
template <class T>
HWY_INLINE Offset<T> offset_of(Coordinates<T> d, Coordinate<T> y, Coordinate<T> x, const GridPlane& p) {
  const hn::RebindToSigned<Coordinates<T>> di;
  if constexpr (sizeof(T) == 4) {
    const auto row = hn::Set(di, static_cast<int32_t>(p.row)), column = hn::Set(di, static_cast<int32_t>(p.column));
    return hn::Add(hn::Mul(hn::ConvertTo(di, y), row), hn::Mul(hn::ConvertTo(di, x), column));
  } else {
    return hn::ConvertTo(di, hn::Add(hn::Mul(y, hn::Set(d, static_cast<T>(p.row))), hn::Mul(x, hn::Set(d, static_cast<T>(p.column)))));
  }
}

template <class T>
HWY_INLINE void store_place(Coordinates<T> d, Coordinate<T> y, Coordinate<T> x, hn::Mask<Coordinates<T>> inside, const GridPlane& p, spatial::Number<T>* at) {
  const hn::RebindToSigned<Coordinates<T>> di;
  hn::Store(hn::IfThenElse(hn::RebindMask(di, inside), offset_of<T>(d, y, x, p), hn::Set(di, -1)), di, at);
}

template <class T>
HWY_INLINE void mark_unplaced(hn::Mask<Coordinates<T>> near, spatial::Number<T>* at) {
  const hn::RebindToSigned<Coordinates<T>> di;
  hn::Store(hn::IfThenElse(hn::RebindMask(di, near), hn::Load(di, at), hn::Set(di, spatial::kUnplaced)), di, at);
}

template <class T>
bool place_nearest(const GridPlane& p, Places<T>* places, int64_t n) {
  const Coordinates<T> d;
  bool placed = true, all = true;
  for (int64_t i = 0; i < n; i += static_cast<int64_t>(hn::Lanes(d))) {
    auto x = unnormalised<T>(d, hn::Load(d, places->x + i), p.width, p.aligned), y = unnormalised<T>(d, hn::Load(d, places->y + i), p.height, p.aligned);
    const auto near = hn::And(is_near<T>(d, x, p, p.width), is_near<T>(d, y, p, p.height));
    x = hn::Round(padded<T>(d, x, p.width, p));
    y = hn::Round(padded<T>(d, y, p.height, p));
    const auto inside = hn::And(is_inside<T>(d, x, p.width), is_inside<T>(d, y, p.height));
    store_place<T>(d, y, x, inside, p, places->at[0] + i);
    all &= hn::AllTrue(d, inside);
    if (HWY_UNLIKELY(!hn::AllTrue(d, near))) {
      mark_unplaced<T>(near, places->at[0] + i);
      placed = false;
    }
  }
  places->inside = all;
  return placed;
}

template <class T>
bool place_linear(const GridPlane& p, Places<T>* places, int64_t n) {
  const Coordinates<T> d;
  const auto one = hn::Set(d, T(1));
  bool placed = true, all = true;
  for (int64_t i = 0; i < n; i += static_cast<int64_t>(hn::Lanes(d))) {
    auto x = unnormalised<T>(d, hn::Load(d, places->x + i), p.width, p.aligned), y = unnormalised<T>(d, hn::Load(d, places->y + i), p.height, p.aligned);
    const auto near = hn::And(is_near<T>(d, x, p, p.width), is_near<T>(d, y, p, p.height));
    x = padded<T>(d, x, p.width, p);
    y = padded<T>(d, y, p.height, p);
    const auto left = hn::Floor(x), top = hn::Floor(y), right = hn::Add(left, one), bottom = hn::Add(top, one);
    const auto to_right = hn::Sub(x, left), to_bottom = hn::Sub(y, top), to_left = hn::Sub(one, to_right), to_top = hn::Sub(one, to_bottom);
    const auto has_left = is_inside<T>(d, left, p.width), has_right = is_inside<T>(d, right, p.width);
    const auto has_top = is_inside<T>(d, top, p.height), has_bottom = is_inside<T>(d, bottom, p.height);
    const auto in0 = hn::And(has_top, has_left), in1 = hn::And(has_top, has_right), in2 = hn::And(has_bottom, has_left), in3 = hn::And(has_bottom, has_right);
    store_place<T>(d, top, left, in0, p, places->at[0] + i);
    store_place<T>(d, top, right, in1, p, places->at[1] + i);
    store_place<T>(d, bottom, left, in2, p, places->at[2] + i);
    store_place<T>(d, bottom, right, in3, p, places->at[3] + i);
    hn::Store(hn::IfThenElseZero(in0, hn::Mul(to_top, to_left)), d, places->weight[0] + i);
    hn::Store(hn::IfThenElseZero(in1, hn::Mul(to_top, to_right)), d, places->weight[1] + i);
    hn::Store(hn::IfThenElseZero(in2, hn::Mul(to_bottom, to_left)), d, places->weight[2] + i);
    hn::Store(hn::IfThenElseZero(in3, hn::Mul(to_bottom, to_right)), d, places->weight[3] + i);
    all &= hn::AllTrue(d, hn::And(in0, in3));
    if (HWY_UNLIKELY(!hn::AllTrue(d, near))) {
      mark_unplaced<T>(near, places->at[0] + i);
      placed = false;
    }
  }
  places->inside = all;
  return placed;
}

// 0 outside.
template <bool kInside, class T>
HWY_INLINE Coordinate<T> element(Coordinates<T> d, const T* x, const spatial::Number<T>* at) {
  const hn::RebindToSigned<Coordinates<T>> di;
  const auto offset = hn::Load(di, at);
  if constexpr (kInside) return hn::GatherIndex(d, x, offset);
  const auto outside = hn::Lt(offset, hn::Zero(di));
  return hn::IfThenZeroElse(hn::RebindMask(d, outside), hn::GatherIndex(d, x, hn::IfThenZeroElse(outside, offset)));
}

template <bool kInside, class T>
HWY_INLINE void take_all(const Places<T>& p, const T* x, T* y, int64_t n) {
  const Coordinates<T> d;
  for (int64_t i = 0; i < n; i += static_cast<int64_t>(hn::Lanes(d))) hn::StoreU(element<kInside, T>(d, x, p.at[0] + i), d, y + i);
}
template <class T>
void take(const Places<T>& p, const T* x, T* y, int64_t n) {
  p.inside ? take_all<true>(p, x, y, n) : take_all<false>(p, x, y, n);
}

template <bool kInside, class T>
HWY_INLINE void interpolate_all(const Places<T>& p, const T* x, T* y, int64_t n) {
  const Coordinates<T> d;
  for (int64_t i = 0; i < n; i += static_cast<int64_t>(hn::Lanes(d))) {
    auto sum = hn::Mul(hn::Load(d, p.weight[0] + i), element<kInside, T>(d, x, p.at[0] + i));
    sum = hn::MulAdd(hn::Load(d, p.weight[1] + i), element<kInside, T>(d, x, p.at[1] + i), sum);
    sum = hn::MulAdd(hn::Load(d, p.weight[2] + i), element<kInside, T>(d, x, p.at[2] + i), sum);
    hn::StoreU(hn::MulAdd(hn::Load(d, p.weight[3] + i), element<kInside, T>(d, x, p.at[3] + i), sum), d, y + i);
  }
}
template <class T>
void interpolate(const Places<T>& p, const T* x, T* y, int64_t n) {
  p.inside ? interpolate_all<true>(p, x, y, n) : interpolate_all<false>(p, x, y, n);
}

spatial::GridFunctions<float> grid_f32() { return {place_nearest<float>, place_linear<float>, take<float>, interpolate<float>}; }
spatial::GridFunctions<double> grid_f64() { return {place_nearest<double>, place_linear<double>, take<double>, interpolate<double>}; }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(grid_f32);
HWY_EXPORT(grid_f64);
namespace spatial {
template <>
GridFunctions<float> grid_functions() { return HWY_DYNAMIC_DISPATCH(grid_f32)(); }
template <>
GridFunctions<double> grid_functions() { return HWY_DYNAMIC_DISPATCH(grid_f64)(); }
}  // namespace spatial
}  // namespace portfire
#endif
