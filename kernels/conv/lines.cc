#include "kernels/conv/lines.h"

#include <algorithm>

#include "kernels/pointwise/steps.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"

namespace portfire::conv {

Lines plan_lines(const Axis (&axes)[3]) {
  Lines l;
  l.phases = 1;
  l.reach = 0;
  for (int d = 0; d < 3; ++d) {
    const Axis& a = axes[d];
    const int64_t lead = round_up(std::max<int64_t>(0, -a.low), a.step);
    const int64_t end = std::max<int64_t>(0, (a.count - 1) * a.step + a.high + lead + 1);  // of what is read of a row
    l.lead[d] = lead;
    l.used[d] = std::clamp<int64_t>(end - lead, 0, a.in);
    l.step[d] = a.step;
    l.phases *= a.step;
    // Pixels lie before the next row's zeros, and what is read behind them are those.
    l.size[d] = round_up(std::max({l.used[d] + lead, end - lead, a.count * a.step, a.step}), a.step) / a.step;
  }
  l.image = l.size[0] * l.size[1] * l.size[2];
  for (int d = 0; d < 3; ++d) {
    const int64_t last = std::max<int64_t>(0, axes[d].high + l.lead[d]) / l.step[d];
    l.reach += last * (d == 0 ? l.size[1] * l.size[2] : d == 1 ? l.size[2] : 1);
  }
  return l;
}

int64_t line_length(const Lines& l, int64_t images, int64_t overrun, int64_t element) {
  return static_cast<int64_t>(whole_lines(static_cast<size_t>((images * l.image + l.reach + overrun) * element)) | 64) / element;
}

int64_t tap_offset(const Lines& l, const int64_t (&e)[3], int64_t line) {
  int64_t phase = 0, offset = 0;
  for (int d = 0; d < 3; ++d) {
    const int64_t at = e[d] + l.lead[d];  // not negative
    phase = phase * l.step[d] + at % l.step[d];
    offset = offset * l.size[d] + at / l.step[d];
  }
  return phase * line + offset;
}

namespace {

template <class T>
void fill_channel(const Lines& l, const TensorView& x, int64_t c, int64_t first, int64_t images, T* to, int64_t line) {
  const bool plain = x.dtype == (sizeof(T) == 8 ? DType::f64 : DType::f32);
  const auto load = pointwise::load_fn(x.dtype);
  const auto element = static_cast<int64_t>(byte_size(x.dtype));
  const int64_t step = l.step[2], stride = x.strides[4] * step, place = l.lead[2] / step;
  std::fill_n(to, line * l.phases, T(0));
  for (int64_t n = 0; n < images; ++n)
    for (int64_t d = 0; d < l.used[0]; ++d)
      for (int64_t h = 0; h < l.used[1]; ++h) {
        const int64_t from = (first + n) * x.strides[0] + c * x.strides[1] + d * x.strides[2] + h * x.strides[3];
        const int64_t phase = (d % l.step[0] * l.step[1] + h % l.step[1]) * step;
        T* row = to + phase * line + n * l.image + ((d + l.lead[0]) / l.step[0] * l.size[1] + (h + l.lead[1]) / l.step[1]) * l.size[2] + place;
        for (int64_t r = 0; r < std::min(step, l.used[2]); ++r, row += line) {
          const int64_t count = (l.used[2] - r + step - 1) / step, at = from + r * x.strides[4];
          if (!plain) {
            load(row, x.as<std::byte>() + at * element, stride, static_cast<size_t>(count));
          } else if (stride == 1) {
            copy_run(row, x.as<T>() + at, count);
          } else {
            const T* source = x.as<T>() + at;
            for (int64_t i = 0; i < count; ++i) row[i] = source[i * stride];
          }
        }
      }
}

}  // namespace

template <class T>
void fill_lines(const Lines& l, const TensorView& x, int64_t first, int64_t images, T* to, int64_t line, ThreadPool* pool) {
  const int64_t channels = x.size(1), each = line * l.phases, tasks = std::clamp<int64_t>(channels * each >> 13, 1, channels);
  parallel(pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    for (int64_t c = channels * static_cast<int64_t>(t) / tasks; c < channels * static_cast<int64_t>(t + 1) / tasks; ++c) fill_channel(l, x, c, first, images, to + c * each, line);
  });
}
template void fill_lines(const Lines&, const TensorView&, int64_t, int64_t, float*, int64_t, ThreadPool*);
template void fill_lines(const Lines&, const TensorView&, int64_t, int64_t, double*, int64_t, ThreadPool*);

}  // namespace portfire::conv
