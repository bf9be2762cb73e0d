// Loops over channels for one row of output pixels of a depthwise convolution or a pooling.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/packed_conv2d.h"

namespace portfire::conv {

// A row of `count` output pixels, channels adjacent in input, weights and output. Kernel row l reads, for
// pixel i and tap j, line[l] + i * step + j * tap_step (floats); lines and taps that fall outside for some pixel
// are left to the caller.
struct WindowRow {
  size_t count, channels, lines, taps;
  const float* const* line;    // `lines` pointers
  int64_t step, tap_step;      // floats between the inputs of neighbouring pixels, of neighbouring taps
  const float* const* weight;  // `lines` pointers to [taps, channels] weights; null for max pooling
  const float* bias;           // channels, or null
  float* out;
  bool clamp;
  float low, high;
};
using WindowFn = void (*)(const WindowRow&);
WindowFn depthwise_row();  // of this machine
WindowFn max_row();

// A whole row of output pixels, by way of a WindowFn: cut where taps fall out of the input.
struct WindowLine {
  WindowFn fn;
  const ops::packed_conv2d::Window* window;
  int64_t width, out_width, channels, step;  // step: floats between neighbouring pixels of the input
  const float *weight, *bias;                // [kernel, channels], [channels]; null where WindowRow's may be
  bool clamp;
  float low, high;
};
inline constexpr int64_t kMostLines = 64;  // of a window
// lines: for each row of the kernel the input's row that it reads, null outside the input.
void run_line(const WindowLine& line, const float* const* lines, float* to);

}  // namespace portfire::conv
