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

template <class D>
HWY_INLINE hn::Vec<D> finish(const conv::WindowRow& r, D d, hn::Vec<D> v) {
  return r.clamp ? hn::Min(hn::Set(d, r.high), hn::Max(hn::Set(d, r.low), v)) : v;
}

#define PF_PIXELS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

// One vector of channels at `c` for kPixels (4 or 8) pixels from `i` on; lines of kTaps taps (0: known when it runs),
// kStep of which a pixel is further (0: any). Where neighbours share inputs, each is loaded once for all of them.
template <size_t kPixels, size_t kTaps, size_t kStep>
HWY_INLINE void depthwise_pixels(const conv::WindowRow& r, size_t i, size_t c) {
  const WindowTag d;
  const WindowVec start = r.bias ? hn::LoadU(d, r.bias + c) : hn::Zero(d);
#define PF_START(p) [[maybe_unused]] WindowVec s##p = start;
  PF_PIXELS(PF_START)
#undef PF_START
  const size_t lines = r.lines, taps = r.taps, weight_step = r.weight_step, out_step = r.out_step;
  const int64_t step = r.step, tap_step = r.tap_step, at = static_cast<int64_t>(i) * step + static_cast<int64_t>(c);
  const float* const* line = r.line;
  const float* const* weights = r.weight;
  for (size_t l = 0; l < lines; ++l) {
    const float *x = line[l] + at, *weight = weights[l] + c;
    if constexpr (kTaps == 3 && kStep > 0) {
      const WindowVec w0 = hn::LoadU(d, weight), w1 = hn::LoadU(d, weight + weight_step), w2 = hn::LoadU(d, weight + 2 * weight_step);
      // Pixel p has its taps at inputs p * kStep to p * kStep + 2.
      WindowVec edge = hn::LoadU(d, x);
#define PF_ADD(p)                                                                                       \
  if constexpr (p < kPixels) {                                                                          \
    if constexpr (kStep < 2 && p > 0) {                                                                 \
      edge = hn::LoadU(d, x + (p + 2) * tap_step);                                                      \
      s##p = hn::MulAdd(edge, w2, hn::MulAdd(middle, w1, hn::MulAdd(first, w0, s##p)));                 \
      first = middle;                                                                                   \
      middle = edge;                                                                                    \
    }                                                                                                   \
  }
      if constexpr (kStep == 1) {
        WindowVec first = hn::LoadU(d, x + tap_step), middle = hn::LoadU(d, x + 2 * tap_step);
        s0 = hn::MulAdd(middle, w2, hn::MulAdd(first, w1, hn::MulAdd(edge, w0, s0)));
        PF_PIXELS(PF_ADD)
      }
#undef PF_ADD
#define PF_ADD(p)                                                                                         \
  if constexpr (p < kPixels) {                                                                            \
    const WindowVec last = hn::LoadU(d, x + (2 * p + 2) * tap_step);                                      \
    s##p = hn::MulAdd(last, w2, hn::MulAdd(hn::LoadU(d, x + (2 * p + 1) * tap_step), w1, hn::MulAdd(edge, w0, s##p))); \
    edge = last;                                                                                          \
  }
      if constexpr (kStep == 2) {
        PF_PIXELS(PF_ADD)
      }
#undef PF_ADD
    } else {
      for (size_t t = 0; t < (kTaps ? kTaps : taps); ++t, x += tap_step, weight += weight_step) {
        const WindowVec w = hn::LoadU(d, weight);
#define PF_ADD(p) \
  if constexpr (p < kPixels) s##p = hn::MulAdd(hn::LoadU(d, x + p * step), w, s##p);
        PF_PIXELS(PF_ADD)
#undef PF_ADD
      }
    }
  }
  float* out = r.out + i * out_step + c;
  const bool clamp = r.clamp;
  const WindowVec low = hn::Set(d, r.low), high = hn::Set(d, r.high);
#define PF_STORE(p) \
  if constexpr (p < kPixels) hn::StoreU(clamp ? hn::Min(high, hn::Max(low, s##p)) : s##p, d, out + p * out_step);
  PF_PIXELS(PF_STORE)
#undef PF_STORE
}
// One pixel: a vector of channels, or a single channel with a tag of one lane. kTaps as above.
template <size_t kTaps, class D>
HWY_INLINE void depthwise_1(const conv::WindowRow& r, D d, size_t i, size_t c) {
  hn::Vec<D> s = r.bias ? hn::LoadU(d, r.bias + c) : hn::Zero(d);
  for (size_t l = 0; l < r.lines; ++l) {
    const float *x = r.line[l] + static_cast<int64_t>(i) * r.step + c, *weight = r.weight[l] + c;
    for (size_t t = 0; t < (kTaps ? kTaps : r.taps); ++t, x += r.tap_step, weight += r.weight_step) s = hn::MulAdd(hn::LoadU(d, x), hn::LoadU(d, weight), s);
  }
  hn::StoreU(finish(r, d, s), d, r.out + i * r.out_step + c);
}

template <class D>
HWY_INLINE void max_channels(const conv::WindowRow& r, D d, size_t c) {
  using V = hn::Vec<D>;
  for (size_t i = 0; i < r.count; ++i) {
    V most = hn::Set(d, -std::numeric_limits<float>::infinity());
    for (size_t l = 0; l < r.lines; ++l)
      for (size_t t = 0; t < r.taps; ++t) {
        const V x = hn::LoadU(d, r.line[l] + static_cast<int64_t>(i) * r.step + static_cast<int64_t>(t) * r.tap_step + c);
        // NaN wins, and stays.
        most = hn::IfThenElse(hn::IsNaN(most), most, hn::IfThenElse(hn::IsNaN(x), x, hn::Max(x, most)));
      }
    hn::StoreU(most, d, r.out + i * r.out_step + c);
  }
}

// Channels in blocks: the lines of a few pixels are read whole, and the block's weights stay in L1 along the row.
// The last pixels that do not fill a group are computed again with those before them.
template <size_t kTaps, size_t kStep>
HWY_NOINLINE void depthwise_blocks(const conv::WindowRow& r) {
  const WindowTag d;
  constexpr size_t kBlock = 64;
  const size_t lanes = hn::Lanes(d), whole = r.channels / lanes * lanes;
  for (size_t begin = 0; begin < whole; begin += kBlock) {
    const size_t end = HWY_MIN(whole, begin + kBlock);
    if (r.count < 4) {
      for (size_t i = 0; i < r.count; ++i)
        for (size_t c = begin; c < end; c += lanes) depthwise_1<kTaps>(r, d, i, c);
      continue;
    }
    size_t i = 0;
    for (; i + 8 <= r.count; i += 8)
      for (size_t c = begin; c < end; c += lanes) depthwise_pixels<8, kTaps, kStep>(r, i, c);
    for (; i < r.count; i += 4)
      for (size_t c = begin; c < end; c += lanes) depthwise_pixels<4, kTaps, kStep>(r, HWY_MIN(i, r.count - 4), c);
  }
  const hn::CappedTag<float, 1> one;
  for (size_t c = whole; c < r.channels; ++c)
    for (size_t i = 0; i < r.count; ++i) depthwise_1<kTaps>(r, one, i, c);
}

void run_depthwise(const conv::WindowRow& r) {
  if (r.taps == 3 && r.step == r.tap_step) return depthwise_blocks<3, 1>(r);
  if (r.taps == 3 && r.step == 2 * r.tap_step) return depthwise_blocks<3, 2>(r);
  if (r.taps == 2) return depthwise_blocks<2, 0>(r);  // at the edges of an image
  depthwise_blocks<0, 0>(r);
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
