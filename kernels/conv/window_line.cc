#include <algorithm>

#include "kernels/conv/window.h"

namespace portfire::conv {
namespace {

// `count` pixels from `first` on, whose taps inside the input are the same: any one pixel, or several well inside.
void run_columns(const WindowLine& r, const float* const* lines, int64_t first, int64_t count, float* to) {
  const auto& w = *r.window;
  const float *line[kMostLines], *weights[kMostLines];
  const int64_t left = first * w.stride[1] - w.padding[1], step = w.dilation[1];
  const int64_t begin = std::min(w.kernel[1], left < 0 ? (-left + step - 1) / step : 0);
  const int64_t end = count > 1 ? w.kernel[1] : std::clamp((r.width - left + step - 1) / step, begin, w.kernel[1]);
  size_t count_lines = 0;
  for (int64_t i = 0; i < w.kernel[0]; ++i) {
    if (!lines[i]) continue;
    line[count_lines] = lines[i] + (left + begin * step) * r.step;
    weights[count_lines++] = r.weight ? r.weight + (i * w.kernel[1] + begin) * r.weight_step : nullptr;
  }
  r.fn({static_cast<size_t>(count), static_cast<size_t>(r.channels), count_lines, static_cast<size_t>(end - begin), static_cast<size_t>(r.weight_step),
        static_cast<size_t>(r.out_step), line, w.stride[1] * r.step, step * r.step, weights, r.bias, to + first * r.out_step, r.clamp, r.low, r.high});
}

}  // namespace

void run_line(const WindowLine& r, const float* const* lines, float* to) {
  const auto& w = *r.window;
  // Columns whose window lies inside the input from left to right.
  const int64_t reach = (w.kernel[1] - 1) * w.dilation[1];
  const int64_t begin = std::min(r.out_width, (w.padding[1] + w.stride[1] - 1) / w.stride[1]);
  const int64_t room = r.width + w.padding[1] - reach - 1;
  const int64_t end = room < 0 ? begin : std::clamp(room / w.stride[1] + 1, begin, r.out_width);
  for (int64_t i = 0; i < begin; ++i) run_columns(r, lines, i, 1, to);
  if (end > begin) run_columns(r, lines, begin, end - begin, to);
  for (int64_t i = end; i < r.out_width; ++i) run_columns(r, lines, i, 1, to);
}

int64_t channels_at_once(const ops::packed_conv2d::Window& window, int64_t width, int64_t channels) {
  constexpr int64_t kBytes = 24 << 10, kLine = 16;  // of an L1 of 32 KiB; channels of a cache line
  const int64_t one = std::max<int64_t>(1, window.kernel[0] * width * static_cast<int64_t>(sizeof(float)));
  return std::clamp(kBytes / one / kLine * kLine, kLine, std::max(kLine, channels));
}

WindowLine channels_of(const WindowLine& line, int64_t c, int64_t count) {
  WindowLine part = line;
  part.channels = std::min(count, line.channels - c);
  if (part.weight) part.weight += c;
  if (part.bias) part.bias += c;
  return part;
}

}  // namespace portfire::conv
