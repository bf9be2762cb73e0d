// Loops over one row of f32, for softmax, attention and norms; and over rows as columns side by side.
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
  // log(sum exp x): what log softmax takes off.
  float (*log_sum_exp)(const float* x, size_t n);
  // y = (x - mean) * factor + shift
  void (*affine)(const float* x, float* y, size_t n, float mean, float factor, float shift);
  // Each lane in f32 over a few elements, beyond in f64. squares: of (x - about).
  double (*sum)(const float* x, size_t n);
  double (*squares)(const float* x, size_t n, float about);

  // n columns side by side: top = max(top, x), NaN goes through; x = exp(x - top), sum += x (or, with
  // `keep` false, only the sum); x *= factor; x -= shift.
  void (*column_max)(float* top, const float* x, size_t n);
  void (*column_exp)(float* x, const float* top, float* sum, size_t n, bool keep);
  void (*column_scale)(float* x, const float* factor, size_t n);
  void (*column_shift)(float* x, const float* shift, size_t n);
};
const Functions& functions();  // of this machine

}  // namespace portfire::rows
