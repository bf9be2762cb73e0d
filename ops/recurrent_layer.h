// One layer of a recurrent network in one direction, over a whole sequence. `gates` holds what the
// inputs bring, W_ih x_t + b_ih (and + b_hh, but for GRU) for every step; the layer adds the rest.
//
//   gates [T,B,k*H] with hx [B,H], or packed [rows,k*H] with batch_sizes [T]: step t takes the next
//   batch_sizes[t] rows, which belong to the first sequences of the batch. Then hy is what each
//   sequence ended with. `reverse` walks from the last step to the first; results keep their
//   places.
#pragma once

#include "ops/op.h"

namespace portfire::ops::recurrent_layer {

// i, f, g, o = split(gates_t + w_hh h); c' = sigmoid(f) c + sigmoid(i) tanh(g);
// h' = sigmoid(o) tanh(c'), with w_hr h' = w_hr (sigmoid(o) tanh(c')). hx [B,P], cx [B,H].
struct Lstm {
  static constexpr std::string_view schema =
      "portfire::lstm_layer(Tensor gates, Tensor hx, Tensor cx, Tensor w_hh, Tensor? w_hr, Tensor? "
      "batch_sizes, bool reverse) -> (Tensor output, Tensor hy, Tensor cy)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};

// With s = w_hh h + b_hh: r = sigmoid(gates_r + s_r); z = sigmoid(gates_z + s_z);
// n = tanh(gates_n + r s_n); h' = n + z (h - n).
struct Gru {
  static constexpr std::string_view schema =
      "portfire::gru_layer(Tensor gates, Tensor hx, Tensor w_hh, Tensor? b_hh, Tensor? "
      "batch_sizes, bool reverse) -> (Tensor output, Tensor hy)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};

// h' = tanh(gates_t + w_hh h), or relu in place of tanh.
struct Rnn {
  static constexpr std::string_view schema =
      "portfire::rnn_layer(Tensor gates, Tensor hx, Tensor w_hh, Tensor? batch_sizes, bool relu, "
      "bool reverse) -> (Tensor output, Tensor hy)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
};

using Ops = OpList<Lstm, Gru, Rnn>;

}  // namespace portfire::ops::recurrent_layer
