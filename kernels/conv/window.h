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
  size_t weight_step, out_step;  // floats from a tap's weights to the next one's, from an output pixel to the next
  const float* const* line;    // `lines` pointers
  int64_t step, tap_step;      // floats between the inputs of neighbouring pixels, of neighbouring taps
  const float* const* weight;  // `lines` pointers to the weights of `taps` taps; null for max pooling
  const float* bias;           // channels, or null
  float* out;
  bool clamp;
  float low, high;
};
using WindowFn = void (*)(const WindowRow&);
WindowFn depthwise_row();  // of this machine
WindowFn max_row();

// A whole row of output pixels, or some of its channels, by way of a WindowFn: cut where taps fall out of the input.
struct WindowLine {
  WindowFn fn;
  const ops::packed_conv2d::Window* window;
  int64_t width, out_width, channels, step;  // step: floats between neighbouring pixels of the input
  int64_t weight_step, out_step;             // as in WindowRow
  const float *weight, *bias;                // of the first channel; null where WindowRow's may be
  bool clamp;
  float low, high;
};
inline constexpr int64_t kMostLines = 64;  // of a window
// lines: for each row of the kernel the input's row that it reads, null outside the input.
void run_line(const WindowLine& line, const float* const* lines, float* to);

// Channels that are worth doing for several rows before the next ones: the lines they read stay in L1, so that each row of
// the input comes from L2 once, not once for each row of the kernel.
int64_t channels_at_once(const ops::packed_conv2d::Window& window, int64_t width, int64_t channels);
// `line` for channels from c on, at most `count`.
WindowLine channels_of(const WindowLine& line, int64_t c, int64_t count);

}  // namespace portfire::conv
