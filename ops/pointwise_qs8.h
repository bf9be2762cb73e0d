// Sums and products of int8 tensors, each with a scale and a zero point, as XNNPACK computes them. Operands broadcast.
#pragma once

#include "ops/op.h"

namespace portfire::ops::pointwise_qs8 {

// The sum in fixed point: both scales become integers of 21 bits over a power of two; rounded half up. A negative `other_scale`
// subtracts.
struct FixedSum {
  int32_t bias, self, other, shift;
  int64_t zero, lower, upper;
  int8_t operator()(int8_t x, int8_t y) const {
    const int32_t sum = static_cast<int32_t>(static_cast<uint32_t>(bias) + static_cast<uint32_t>(x * self) + static_cast<uint32_t>(y * other)) >> shift;
    const int64_t moved = sum + zero;
    return static_cast<int8_t>(moved < lower ? lower : moved > upper ? upper : moved);
  }
};
Error fixed_sum(const Args& a, FixedSum* out);

#define PF_PAIR_ARGS \
  "(Tensor self, Tensor other, float self_scale, int self_zero, float other_scale, int other_zero, float scale, int zero, int lower, int upper) -> Tensor"

struct AddQs8 {
  static constexpr std::string_view schema = "portfire::add_qs8" PF_PAIR_ARGS;
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

// The product of two numbers is an integer; multiplied with self_scale other_scale / scale in f32, rounded to the nearest even.
struct MulQs8 {
  static constexpr std::string_view schema = "portfire::mul_qs8" PF_PAIR_ARGS;
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
#undef PF_PAIR_ARGS

using Ops = OpList<AddQs8, MulQs8>;

}  // namespace portfire::ops::pointwise_qs8
