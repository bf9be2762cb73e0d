// Loops of quantization, and of attention over a cache, over elements that lie together, for the instruction set of this machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portfire::affine {

struct Extremes {
  float least, most;  // NaN where one of the numbers is
};

struct Functions {
  // q = clamp(round(x * inverse) + zero, low, high), NaN becomes low; low and high are within the integers' range.
  void (*quantize_i8)(const float* x, size_t n, float inverse, float zero, float low, float high, int8_t* q);
  void (*quantize_u8)(const float* x, size_t n, float inverse, float zero, float low, float high, uint8_t* q);
  // x = (q - zero) * scale
  void (*dequantize_i8)(const int8_t* q, size_t n, float scale, float zero, float* x);
  void (*dequantize_u8)(const uint8_t* q, size_t n, float scale, float zero, float* x);
  // Two to a byte, the first in the high half, 8 standing for 0; n is even.
  void (*dequantize_u4)(const uint8_t* q, size_t n, float scale, float zero, float* x);
  // Of no numbers: infinity and -infinity.
  Extremes (*extremes)(const float* x, size_t n);
  // sums[r] = sum of x[i] rows[r * stride + i], of n elements; out[i] = sum of weights[r] rows[r * stride + i].
  void (*dots)(const float* x, const float* rows, ptrdiff_t stride, size_t count, size_t n, float* sums);
  void (*weighted_sum)(const float* weights, const float* rows, ptrdiff_t stride, size_t count, size_t n, float* out);
};
const Functions& functions();

}  // namespace portfire::affine
