// portfire::packed_linear: y = act(x W^T + b) with W prepacked, what `aten::linear` with constant
// weights becomes. x: [..., k]. packed: W^T, k x n, in one of the forms of ops/panels.h. bias: [n].
// residual: of the result's shape, added before the activation. Activations: "" (none), "relu",
// "gelu", "gelu_tanh", "silu", "sigmoid", "tanh", all as in ops/pointwise_table.h.
#pragma once

#include "ops/op.h"

namespace portfire::ops::packed_linear {

struct PackedLinear {
  static constexpr std::string_view schema =
      "portfire::packed_linear(Tensor input, Tensor packed, Tensor? bias, Tensor? residual, int n, str activation) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<PackedLinear>;

}  // namespace portfire::ops::packed_linear
