// Rounding of XNNPACK's quantized operators, step by step in f32 as its kernels do it. A NaN becomes the least integer: the bounds come
// first in std::max and std::min.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/error.h"
#include "core/tensor_view.h"

namespace portfire::ops {

// What an integer sum becomes: multiplied, rounded to the nearest (ties to even), moved by `zero`, within [lower, upper].
struct Requantization {
  int64_t zero, lower, upper;
  int8_t operator()(int32_t sum, float multiplier) const {
    const float scaled = static_cast<float>(sum) * multiplier;
    const float within = std::min(static_cast<float>(upper - zero), std::max(static_cast<float>(lower - zero), scaled));
    return static_cast<int8_t>(static_cast<int64_t>(std::nearbyint(within)) + zero);
  }
  Error check() const {
    if (zero < -128 || zero > 127 || lower < -128 || upper > 127 || lower > upper)
      return Error::make(Code::bad_argument, "zero point %lld and bounds %lld, %lld are not int8", static_cast<long long>(zero),
                         static_cast<long long>(lower), static_cast<long long>(upper));
    return {};
  }
};

// Scale and zero point that map [least, most] and 0 to int8 (XNNPACK's asymmetric dynamic quantization: the side with the smaller error
// of rounding decides on the zero point).
struct DynamicScale {
  float inverse;  // numbers are multiplied with it
  float scale;
  int32_t zero;

  static DynamicScale of(float least, float most) {
    least = std::min(least, 0.0f);
    most = std::max(most, 0.0f);
    DynamicScale d;
    d.inverse = least == most ? 1.0f : 255.0f / (most - least);
    const float low = least * d.inverse, high = most * d.inverse;
    const float zero = (-128.0f + low) + (127.0f + high) > 0 ? -128.0f - low : 127.0f - high;
    d.zero = static_cast<int32_t>(std::nearbyint(std::min(127.0f, std::max(-128.0f, zero))));
    d.scale = 1.0f / d.inverse;
    return d;
  }
  int8_t operator()(float x) const {
    const float within = std::min(static_cast<float>(127 - zero), std::max(static_cast<float>(-128 - zero), x * inverse));
    return static_cast<int8_t>(static_cast<int32_t>(std::nearbyint(within)) + zero);
  }
};

}  // namespace portfire::ops
