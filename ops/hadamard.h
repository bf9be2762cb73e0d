// llama::fast_hadamard_transform: each row of the last dimension, of 2^n or 28 * 2^n elements, times a Hadamard matrix.
#pragma once

#include "ops/op.h"

namespace portfire::ops::hadamard {

// Of 2^n elements: the Walsh-Hadamard transform divided by sqrt(2^n). Of 28 * 2^n: that of each of the 28 parts, then for each of
// their 2^n places the product with a Hadamard matrix of 28 rows, as it is.
struct FastHadamardTransform {
  static constexpr std::string_view schema = "llama::fast_hadamard_transform(Tensor mat) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};

using Ops = OpList<FastHadamardTransform>;

}  // namespace portfire::ops::hadamard
