// portfire::packed_linear: y = act(x W^T + b) with W prepacked, what `aten::linear` with constant
// weights becomes. x: [..., k]. packed: [ceil(n / 32), k, 32], element (j, i) of W at
// packed[j / 32][i][j % 32], zero-padded (kernels/gemm/gemm.h gives the reason). bias: [n].
// residual: of the result's shape, added before the activation. Activations: "" (none), "relu",
// "gelu", "gelu_tanh", "silu", "sigmoid", "tanh", all as in ops/pointwise_table.h.
#pragma once

#include "ops/op.h"

namespace portfire::ops::packed_linear {

inline constexpr int64_t kPanel = 32;

struct PackedLinear {
  static constexpr std::string_view schema =
      "portfire::packed_linear(Tensor input, Tensor packed, Tensor? bias, Tensor? residual, int n, str activation) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<PackedLinear>;

}  // namespace portfire::ops::packed_linear
