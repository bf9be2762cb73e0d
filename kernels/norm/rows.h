// Loops over one row of f32, for softmax, attention and norms; and over rows as columns side by side.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portfire::rows {

struct Moments {
  float mean, rstd;
};

// The gradients of a norm of one row, of n elements: with h = grad * weight and z = (x - mean) * rstd,
//   dx = rstd * (h - mean h - z * mean(h z)), dweight += grad * z, dbias += grad.
// centred false: mean h is not taken off. weight and the three results may be null.
struct NormBackward {
  const float *grad, *x, *weight;
  size_t n;
  Moments moments;
  float *dx, *dweight, *dbias;
  bool centred;
};

// Of a row: the sum of grad, and of grad * (x - mean).
struct Sums {
  double grad, products;
};

struct Functions {
  // x *= scale, + mask (both optional: mask null, bools null; where bools[i] is 0 the entry is dropped).
  // Then x = exp(x - max). Returns the sum; 0 where every entry is -inf or dropped (x is all 0 then).
  float (*exp_row)(float* x, size_t n, float scale, const float* mask, const uint8_t* bools);
  void (*scale_row)(float* x, size_t n, float factor);
  // y = (x - mean) * rstd * weight + bias; weight and bias may be null. Mean and variance in one row,
  // two passes (the second about the mean).
  Moments (*layer_norm)(const float* x, float* y, size_t n, const float* weight, const float* bias, float eps);
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

  void (*norm_backward)(const NormBackward& b);
  Sums (*sums)(const float* grad, const float* x, size_t n, float mean);
  // out = grad * factor + shift + (x - mean) * slope; `out` may be `grad` or `x`.
  void (*combine)(const float* grad, const float* x, float* out, size_t n, float factor, float shift, float slope, float mean);
  // out = scale * y * (grad - sum(y * grad)); `out` may be `grad`.
  void (*softmax_backward)(const float* y, const float* grad, float* out, size_t n, float scale);
  // out = grad - exp(y) * sum(grad)
  void (*log_softmax_backward)(const float* y, const float* grad, float* out, size_t n);
};
const Functions& functions();  // of this machine

}  // namespace portfire::rows
