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

// One vector of channels at `c` (or a single channel with a tag of one lane) for 4, then 1 pixels.
template <class D>
HWY_INLINE void depthwise_channels(const conv::WindowRow& r, D d, size_t c) {
  using V = hn::Vec<D>;
  const V start = r.bias ? hn::LoadU(d, r.bias + c) : hn::Zero(d), low = hn::Set(d, r.low), high = hn::Set(d, r.high);
  auto finish = [&](V v) HWY_ATTR { return r.clamp ? hn::Min(high, hn::Max(low, v)) : v; };
  size_t i = 0;
  for (; i + 4 <= r.count; i += 4) {
    V s0 = start, s1 = start, s2 = start, s3 = start;
    for (size_t t = 0; t < r.taps; ++t) {
      const V w = hn::LoadU(d, r.weight[t] + c);
      const float* x = r.tap[t] + static_cast<int64_t>(i) * r.step + c;
      s0 = hn::MulAdd(hn::LoadU(d, x), w, s0);
      s1 = hn::MulAdd(hn::LoadU(d, x + r.step), w, s1);
      s2 = hn::MulAdd(hn::LoadU(d, x + 2 * r.step), w, s2);
      s3 = hn::MulAdd(hn::LoadU(d, x + 3 * r.step), w, s3);
    }
    float* out = r.out + i * r.channels + c;
    hn::StoreU(finish(s0), d, out);
    hn::StoreU(finish(s1), d, out + r.channels);
    hn::StoreU(finish(s2), d, out + 2 * r.channels);
    hn::StoreU(finish(s3), d, out + 3 * r.channels);
  }
  for (; i < r.count; ++i) {
    V s = start;
    for (size_t t = 0; t < r.taps; ++t)
      s = hn::MulAdd(hn::LoadU(d, r.tap[t] + static_cast<int64_t>(i) * r.step + c), hn::LoadU(d, r.weight[t] + c), s);
    hn::StoreU(finish(s), d, r.out + i * r.channels + c);
  }
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

void run_depthwise(const conv::WindowRow& r) {
  const WindowTag d;
  const hn::CappedTag<float, 1> one;
  size_t c = 0;
  for (; c + hn::Lanes(d) <= r.channels; c += hn::Lanes(d)) depthwise_channels(r, d, c);
  for (; c < r.channels; ++c) depthwise_channels(r, one, c);
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
