// The transforms of ops/winograd_conv2d.h for one tile, vectors along channels.
#pragma once

#include <cstddef>

namespace portfire::conv {

// V = B^T d B. pixel[i * n + j], n = m + 2, points to the channels of an input pixel of the tile; v[(i * n + j) * step]
// gets place i, j.
struct WinogradInput {
  size_t m, channels;
  const float* const* pixel;
  float* v;
  size_t step;
};
// y = A^T s A + bias + residual, kept in [low, high] (a NaN stays), where s[(i * n + j) * step] is the sum of place i, j.
// out[i * m + j] points to the channels of an output pixel, null where the image ends before.
struct WinogradOutput {
  size_t m, channels;
  const float* s;
  size_t step;
  const float* bias;  // or null
  float* const* out;
  const float* const* residual;  // pointers as in out, or null
  float low, high;
};
struct WinogradFunctions {
  void (*input)(const WinogradInput&);
  void (*output)(const WinogradOutput&);
};
const WinogradFunctions& winograd_functions();  // of this machine

}  // namespace portfire::conv
