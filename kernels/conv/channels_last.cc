#include "kernels/conv/channels_last.h"

#include <algorithm>

#include "kernels/thread_pool.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv/channels_last.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Pixels whose channels lie in planes `plane` elements apart: 2 to 4 channels by vectors.
void interleave_pixels(const float* from, int64_t plane, int64_t pixels, int64_t channels, float* to) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  if (channels == 1) return static_cast<void>(std::copy_n(from, pixels, to));
  if (channels <= 4)
    for (; i + lanes <= pixels; i += lanes) {
      const float* p = from + i;
      const auto a = hn::LoadU(d, p), b = hn::LoadU(d, p + plane);
      if (channels == 2)
        hn::StoreInterleaved2(a, b, d, to + i * 2);
      else if (channels == 3)
        hn::StoreInterleaved3(a, b, hn::LoadU(d, p + 2 * plane), d, to + i * 3);
      else
        hn::StoreInterleaved4(a, b, hn::LoadU(d, p + 2 * plane), hn::LoadU(d, p + 3 * plane), d, to + i * 4);
    }
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t j = i; j < pixels; ++j) to[j * channels + c] = from[c * plane + j];
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(interleave_pixels);
namespace conv {

void interleave(const TensorView& x, const Frame& frame, float* to, ThreadPool* pool) {
  const int64_t c = x.size(3), line = frame.width * c;
  const int64_t begin = std::clamp<int64_t>(frame.left, 0, frame.width), end = std::clamp(frame.left + x.size(2), begin, frame.width);
  auto row = [&](size_t task, size_t) {
    const int64_t index = static_cast<int64_t>(task), h = index % frame.height - frame.top;
    float* out = to + index * line;
    if (h < 0 || h >= x.size(1)) return static_cast<void>(std::fill_n(out, line, 0.0f));
    std::fill_n(out, begin * c, 0.0f);
    std::fill(out + end * c, out + line, 0.0f);
    const float* from = x.as<float>() + index / frame.height * x.strides[0] + h * x.strides[1] + (begin - frame.left) * x.strides[2];
    out += begin * c;
    if (x.strides[2] == 1) return HWY_DYNAMIC_DISPATCH(interleave_pixels)(from, x.strides[3], end - begin, c, out);
    for (int64_t k = 0; k < c; ++k)
      for (int64_t v = 0; v < end - begin; ++v) out[v * c + k] = from[k * x.strides[3] + v * x.strides[2]];
  };
  // Rows are short: some at a time.
  const size_t rows = static_cast<size_t>(x.size(0) * frame.height), tasks = std::min<size_t>(rows, pool ? pool->threads() * 4 : 1);
  parallel(pool, tasks, [&](size_t t, size_t worker) {
    for (size_t r = rows * t / tasks; r < rows * (t + 1) / tasks; ++r) row(r, worker);
  });
}

TensorView with_adjacent_channels(const TensorView& x, std::byte* memory, ThreadPool* pool) {
  if (adjacent_bytes(x) == 0) return x;
  TensorView y = x;
  y.data = memory;
  y.set_contiguous();
  interleave(x, y.as<float>(), pool);
  return y;
}

}  // namespace conv
}  // namespace portfire
#endif
