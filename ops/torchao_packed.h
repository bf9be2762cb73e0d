// torchao's layers and embeddings of 1 to 8 bits for CPUs, whose weights are bytes that it packed: a header of 64 bytes (sixteen i32: 6712, the
// format, what the format wants to know) and panels of eight rows. The formats that are read:
//   1  universal: for each group of k, tiles of 8 x 16 values (bit_packing.h), then 8 scales f32, 8 sums i32, 8 zero points i32 if there
//      are any; at the end of a panel 8 biases f32 if there are any
//   2  of embeddings: plain rows in sets of 128, 64 and 32 values; scales and zero points are tensors of their own
//   3  KleidiAI's, 4 bits: two's complement, value k below k + 16; 8 scales bf16 behind each group, 8 sums and 8 biases f32 behind all
//   4  universal with a table of int8 that values are indices of, at the start of each panel
// Source: torchao/csrc/cpu/shared_kernels and torch_free_kernels of pytorch/ao.
#pragma once

#include "ops/op.h"

namespace portfire::ops::torchao_packed {

// y = x w^T + bias, f32 [m, k] to f32 [m, n]. Each row of x becomes int8 with a scale and a zero point of its own, from a range that
// holds 0; sums of products are exact in a group, and added in f32. torchao's own range leaves 0 out, so that its int8 zero point wraps for
// rows of one sign: those have the right answer here.
Error infer_linear(const Args& a, TensorSpec* out);
Error linear(int bits, const Args& a, const TensorView& out);
// Rows of a table, dequantized: (q - zero) * scale, f32. Indices: i64 or i32.
Error infer_embedding(const Args& a, TensorSpec* out);
Error embedding(int bits, const Args& a, const TensorView& out);
// Rows of a linear layer's packed weights, as an embedding that shares them with that layer.
Error infer_shared_embedding(const Args& a, TensorSpec* out);
Error shared_embedding(int bits, const Args& a, const TensorView& out);

#define PF_PACKED(type, name, arguments, function)                                                                          \
  template <int bits>                                                                                                       \
  struct type {                                                                                                             \
    static constexpr std::string_view schemas[8] = {PF_EACH(name, arguments)};                                              \
    static constexpr std::string_view schema = schemas[bits - 1];                                                           \
    static Error infer(const Args& a, std::span<TensorSpec> outs) { return infer_##function(a, &outs[0]); }                 \
    static Error reference(const Args& a, std::span<TensorView> outs) { return function(bits, a, outs[0]); }                \
  };
#define PF_EACH(name, arguments)                                                                                            \
  PF_OF(name, 1, arguments), PF_OF(name, 2, arguments), PF_OF(name, 3, arguments), PF_OF(name, 4, arguments),               \
      PF_OF(name, 5, arguments), PF_OF(name, 6, arguments), PF_OF(name, 7, arguments), PF_OF(name, 8, arguments)
#define PF_OF(name, bits, arguments) "torchao::" name #bits arguments " -> Tensor"
PF_PACKED(Linear, "_linear_8bit_act_", "bit_weight(Tensor activations, Tensor packed_weights, SymInt group_size, SymInt n, SymInt k)", linear)
PF_PACKED(Embedding, "_embedding_",
          "bit(Tensor packed_weight_qvals, SymInt num_embeddings, SymInt embedding_dim, Tensor weight_scales, Tensor weight_zeros, Tensor indices)", embedding)
PF_PACKED(SharedEmbedding, "_shared_embedding_", "bit(Tensor packed_weights, SymInt group_size, SymInt n, SymInt k, Tensor indices)", shared_embedding)
#undef PF_OF
#undef PF_EACH
#undef PF_PACKED

using Ops = OpList<Linear<1>, Linear<2>, Linear<3>, Linear<4>, Linear<5>, Linear<6>, Linear<7>, Linear<8>, Embedding<1>, Embedding<2>, Embedding<3>, Embedding<4>,
                   Embedding<5>, Embedding<6>, Embedding<7>, Embedding<8>, SharedEmbedding<1>, SharedEmbedding<2>, SharedEmbedding<3>, SharedEmbedding<4>,
                   SharedEmbedding<5>, SharedEmbedding<6>, SharedEmbedding<7>, SharedEmbedding<8>>;

}  // namespace portfire::ops::torchao_packed
