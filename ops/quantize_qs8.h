// Between f32 and int8 with one scale and zero point, as XNNPACK converts: q = clamp(round(x / scale)) + zero, ties to even, and
// x = (q - zero) scale.
#pragma once

#include "ops/op.h"

namespace portfire::ops::quantize_qs8 {

struct QuantizeQs8 {
  static constexpr std::string_view schema = "portfire::quantize_qs8(Tensor self, float scale, int zero) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

struct DequantizeQs8 {
  static constexpr std::string_view schema = "portfire::dequantize_qs8(Tensor self, float scale, int zero) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<QuantizeQs8, DequantizeQs8>;

}  // namespace portfire::ops::quantize_qs8
