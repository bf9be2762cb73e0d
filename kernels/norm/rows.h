// Loops over one row of f32, for softmax, attention and norms.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portfire::rows {

struct Functions {
  // x *= scale, + mask (both optional: mask null, bools null; where bools[i] is 0 the entry is dropped).
  // Then x = exp(x - max). Returns the sum; 0 where every entry is -inf or dropped (x is all 0 then).
  float (*exp_row)(float* x, size_t n, float scale, const float* mask, const uint8_t* bools);
  void (*scale_row)(float* x, size_t n, float factor);
  // y = (x - mean) * rstd * weight + bias; weight and bias may be null. Mean and variance in one row,
  // two passes (the second about the mean).
  void (*layer_norm)(const float* x, float* y, size_t n, const float* weight, const float* bias, float eps);
  // y = x / sqrt(mean(x^2) + eps) * weight
  void (*rms_norm)(const float* x, float* y, size_t n, const float* weight, float eps);
  float (*sum)(const float* x, size_t n);
};
const Functions& functions();  // of this machine

}  // namespace portfire::rows
