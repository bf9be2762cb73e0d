// Loops over channels for one row of output pixels of a depthwise convolution or a pooling.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portfire::conv {

// A row of `count` output pixels, channels adjacent in input, weights and output. Pixel i of tap t
// reads taps[t] + i * step (floats); a tap that falls outside for some pixel is left to the caller.
struct WindowRow {
  size_t count, channels, taps;
  const float* const* tap;   // taps pointers
  int64_t step;              // floats between the inputs of neighbouring pixels
  const float* const* weight;  // taps pointers to `channels` weights; null for max pooling
  const float* bias;         // channels, or null
  float* out;
  bool clamp;
  float low, high;
};
using WindowFn = void (*)(const WindowRow&);
WindowFn depthwise_row();  // of this machine
WindowFn max_row();

}  // namespace portfire::conv
