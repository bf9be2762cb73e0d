// quantized_decomposed::embedding_*: rows of a table of integers looked up and dequantized, x = (q - zero_point) * scale computed in f32,
// each row having one scale or one for each group of its elements. Of 4 bits the first of two lies in the high half of a byte,
// of 2 bits the first of four in the lowest bits; both are stored with their smallest value as 0.
#pragma once

#include "ops/op.h"

namespace portfire::ops::quantized_embedding {

#define PF_EMBEDDING(type, name, more)                                                                                           \
  struct type {                                                                                                                  \
    static constexpr std::string_view schema = "quantized_decomposed::" name                                                      \
        "(Tensor weight, Tensor weight_scales, Tensor? weight_zero_points, int weight_quant_min, int weight_quant_max, Tensor indices" \
        more ") -> Tensor";                                                                                                       \
    static Error infer(const Args& a, std::span<TensorSpec> outs);                                                               \
    static Error reference(const Args& a, std::span<TensorView> outs);                                                           \
  };
PF_EMBEDDING(Byte, "embedding_byte", "")
PF_EMBEDDING(ByteTo, "embedding_byte.dtype", ", *, ScalarType? dtype=None")
PF_EMBEDDING(TwoBits, "embedding_2bit", "")
PF_EMBEDDING(TwoBitsTo, "embedding_2bit.dtype", ", *, ScalarType? dtype=None")
PF_EMBEDDING(FourBits, "embedding_4bit", "")
PF_EMBEDDING(FourBitsTo, "embedding_4bit.dtype", ", *, ScalarType? dtype=None")
#undef PF_EMBEDDING

using Ops = OpList<Byte, ByteTo, TwoBits, TwoBitsTo, FourBits, FourBitsTo>;

}  // namespace portfire::ops::quantized_embedding
