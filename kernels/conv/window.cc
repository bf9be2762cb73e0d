#include "kernels/conv/window.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv/window.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using WindowTag = hn::ScalableTag<float>;
using WindowVec = hn::Vec<WindowTag>;

// One vector of channels at `c` (or a single channel with a tag of one lane) for 4 pixels from `i` on, or for one.
template <class D>
HWY_INLINE hn::Vec<D> finish(const conv::WindowRow& r, D d, hn::Vec<D> v) {
  return r.clamp ? hn::Min(hn::Set(d, r.high), hn::Max(hn::Set(d, r.low), v)) : v;
}
template <class D>
HWY_INLINE void depthwise_4(const conv::WindowRow& r, D d, size_t i, size_t c) {
  using V = hn::Vec<D>;
  const V start = r.bias ? hn::LoadU(d, r.bias + c) : hn::Zero(d);
  V s0 = start, s1 = start, s2 = start, s3 = start;
  const int64_t at = static_cast<int64_t>(i) * r.step + static_cast<int64_t>(c);
  for (size_t t = 0; t < r.taps; ++t) {
    const V w = hn::LoadU(d, r.weight[t] + c);
    const float* x = r.tap[t] + at;
    s0 = hn::MulAdd(hn::LoadU(d, x), w, s0);
    s1 = hn::MulAdd(hn::LoadU(d, x + r.step), w, s1);
    s2 = hn::MulAdd(hn::LoadU(d, x + 2 * r.step), w, s2);
    s3 = hn::MulAdd(hn::LoadU(d, x + 3 * r.step), w, s3);
  }
  float* out = r.out + i * r.channels + c;
  hn::StoreU(finish(r, d, s0), d, out);
  hn::StoreU(finish(r, d, s1), d, out + r.channels);
  hn::StoreU(finish(r, d, s2), d, out + 2 * r.channels);
  hn::StoreU(finish(r, d, s3), d, out + 3 * r.channels);
}
template <class D>
HWY_INLINE void depthwise_1(const conv::WindowRow& r, D d, size_t i, size_t c) {
  hn::Vec<D> s = r.bias ? hn::LoadU(d, r.bias + c) : hn::Zero(d);
  for (size_t t = 0; t < r.taps; ++t)
    s = hn::MulAdd(hn::LoadU(d, r.tap[t] + static_cast<int64_t>(i) * r.step + c), hn::LoadU(d, r.weight[t] + c), s);
  hn::StoreU(finish(r, d, s), d, r.out + i * r.channels + c);
}

template <class D>
HWY_INLINE void max_channels(const conv::WindowRow& r, D d, size_t c) {
  using V = hn::Vec<D>;
  for (size_t i = 0; i < r.count; ++i) {
    V most = hn::Set(d, -std::numeric_limits<float>::infinity());
    for (size_t t = 0; t < r.taps; ++t) {
      const V x = hn::LoadU(d, r.tap[t] + static_cast<int64_t>(i) * r.step + c);
      // NaN wins, and stays.
      most = hn::IfThenElse(hn::IsNaN(most), most, hn::IfThenElse(hn::IsNaN(x), x, hn::Max(x, most)));
    }
    hn::StoreU(most, d, r.out + i * r.channels + c);
  }
}

// Channels in blocks: the lines of a few pixels are read whole, and the block's weights stay in L1 along the row.
void run_depthwise(const conv::WindowRow& r) {
  const WindowTag d;
  const hn::CappedTag<float, 1> one;
  constexpr size_t kBlock = 64;
  const size_t lanes = hn::Lanes(d), whole = r.channels / lanes * lanes;
  for (size_t begin = 0; begin < whole; begin += kBlock) {
    const size_t end = HWY_MIN(whole, begin + kBlock);
    size_t i = 0;
    for (; i + 4 <= r.count; i += 4)
      for (size_t c = begin; c < end; c += lanes) depthwise_4(r, d, i, c);
    for (; i < r.count; ++i)
      for (size_t c = begin; c < end; c += lanes) depthwise_1(r, d, i, c);
  }
  for (size_t c = whole; c < r.channels; ++c)
    for (size_t i = 0; i < r.count; ++i) depthwise_1(r, one, i, c);
}

void run_max(const conv::WindowRow& r) {
  const WindowTag d;
  const hn::CappedTag<float, 1> one;
  size_t c = 0;
  for (; c + hn::Lanes(d) <= r.channels; c += hn::Lanes(d)) max_channels(r, d, c);
  for (; c < r.channels; ++c) max_channels(r, one, c);
}

conv::WindowFn get_depthwise() { return &run_depthwise; }
conv::WindowFn get_max() { return &run_max; }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(get_depthwise);
HWY_EXPORT(get_max);
namespace conv {
WindowFn depthwise_row() { return HWY_DYNAMIC_DISPATCH(get_depthwise)(); }
WindowFn max_row() { return HWY_DYNAMIC_DISPATCH(get_max)(); }
}  // namespace conv
}  // namespace portfire
#endif
