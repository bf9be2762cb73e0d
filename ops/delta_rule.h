// llama::channelwise_gated_delta_rule: a memory S of [keys, values] that is read and corrected token by token,
//   S = diag(decay_t) S + k_t (beta_t (v_t - (diag(decay_t) S)^T k_t))^T,  out_t = S^T q_t.
#pragma once

#include "ops/op.h"

namespace portfire::ops::delta_rule {

// query, key, decay [batch, heads, tokens, keys], value [batch, heads, tokens, values], beta [batch, heads, tokens], initial_state
// [batch, heads, keys, values]; gives out, of value's sizes, and the state after the last token. All of f32.
struct ChannelwiseGatedDeltaRule {
  static constexpr std::string_view schema =
      "llama::channelwise_gated_delta_rule(Tensor query, Tensor key, Tensor value, Tensor decay, Tensor beta, Tensor initial_state) -> "
      "(Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};

using Ops = OpList<ChannelwiseGatedDeltaRule>;

}  // namespace portfire::ops::delta_rule
