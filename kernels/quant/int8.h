// Loops over int8 for XNNPACK's quantized operators, element by element; products are in products.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/pointwise_qs8.h"
#include "ops/requantize.h"

namespace portfire::quant {

struct Functions {
  // out = x - zero
  void (*widen)(const int8_t* x, size_t n, int32_t zero, int16_t* out);
  // out = (sums + bias) requantized, each with its multiplier; bias may be null.
  void (*requantize)(const int32_t* sums, const int32_t* bias, const float* multipliers, size_t n, const ops::Requantization& to, int8_t* out);
  // least = min(least, x), most = max(most, x)
  void (*extent)(const float* x, size_t n, float* least, float* most);
  // The integers that `scale` makes of x; `wide`: less its zero point.
  void (*quantize)(const float* x, size_t n, const ops::DynamicScale& scale, int8_t* out);
  void (*quantize_wide)(const float* x, size_t n, const ops::DynamicScale& scale, int16_t* out);
  void (*dequantize)(const int8_t* x, size_t n, float scale, int32_t zero, float* out);
  void (*add)(const int8_t* x, const int8_t* y, size_t n, const ops::pointwise_qs8::FixedSum& sum, int8_t* out);
  void (*multiply)(const int8_t* x, const int8_t* y, size_t n, int32_t zero_x, int32_t zero_y, float multiplier, const ops::Requantization& to, int8_t* out);
  // Two numbers a byte, the lower half first, 8 above what they mean: n bytes.
  void (*unpack)(const uint8_t* packed, size_t n, int8_t* out);
};
const Functions& functions();  // of this machine

}  // namespace portfire::quant
