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

// One step after the other, for differentiation. step(gates_t, state) gives the next state, of which the first is the output.
template <class G, class F>
void unroll(G& g, std::vector<typename G::Tensor> state, F step) {
  using T = typename G::Tensor;
  const T gates = g.tensor("gates");
  const auto steps = g.size(gates, 0);
  if (!g.none("batch_sizes")) g.refuse("packed sequences are not unrolled");
  if (!steps.known()) g.refuse("a sequence of unknown length is not unrolled");
  const bool reverse = g.boolean("reverse");
  std::vector<T> outputs(static_cast<size_t>(steps.fixed));
  for (int64_t i = 0; i < steps.fixed; ++i) {
    const int64_t t = reverse ? steps.fixed - 1 - i : i;
    state = step(g("aten::select.int", gates, 0, t), state);
    outputs[static_cast<size_t>(t)] = state[0];
  }
  std::vector<T> results{g("aten::stack", outputs, 0)};
  results.insert(results.end(), state.begin(), state.end());
  g.results(results);
}

// i, f, g, o = split(gates_t + w_hh h); c' = sigmoid(f) c + sigmoid(i) tanh(g);
// h' = sigmoid(o) tanh(c'), with w_hr h' = w_hr (sigmoid(o) tanh(c')). hx [B,P], cx [B,H].
struct Lstm {
  static constexpr std::string_view schema =
      "portfire::lstm_layer(Tensor gates, Tensor hx, Tensor cx, Tensor w_hh, Tensor? w_hr, Tensor? "
      "batch_sizes, bool reverse) -> (Tensor output, Tensor hy, Tensor cy)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void decompose(G& g) {
    using T = typename G::Tensor;
    const T w_hh = g.tensor("w_hh"), w_hr = g.tensor("w_hr");
    unroll(g, {g.tensor("hx"), g.tensor("cx")}, [&](T gates, const std::vector<T>& state) {
      const auto parts = g.all("aten::chunk", gates + g("aten::linear", state[0], w_hh), 4, -1);
      const auto sigmoid = [&](T t) { return g("aten::sigmoid", t); };
      T c = sigmoid(parts[1]) * state[1] + sigmoid(parts[0]) * g("aten::tanh", parts[2]);
      T h = sigmoid(parts[3]) * g("aten::tanh", c);
      return std::vector<T>{w_hr ? g("aten::linear", h, w_hr) : h, c};
    });
  }
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
  template <class G>
  static void decompose(G& g) {
    using T = typename G::Tensor;
    const T w_hh = g.tensor("w_hh"), b_hh = g.tensor("b_hh");
    unroll(g, {g.tensor("hx")}, [&](T gates, const std::vector<T>& state) {
      const auto x = g.all("aten::chunk", gates, 3, -1), s = g.all("aten::chunk", g("aten::linear", state[0], w_hh, b_hh), 3, -1);
      T r = g("aten::sigmoid", x[0] + s[0]), z = g("aten::sigmoid", x[1] + s[1]), n = g("aten::tanh", x[2] + r * s[2]);
      return std::vector<T>{n + z * (state[0] - n)};
    });
  }
};

// h' = tanh(gates_t + w_hh h), or relu in place of tanh.
struct Rnn {
  static constexpr std::string_view schema =
      "portfire::rnn_layer(Tensor gates, Tensor hx, Tensor w_hh, Tensor? batch_sizes, bool relu, "
      "bool reverse) -> (Tensor output, Tensor hy)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  static size_t scratch(const Args& a);
  template <class G>
  static void decompose(G& g) {
    using T = typename G::Tensor;
    const T w_hh = g.tensor("w_hh");
    const bool relu = g.boolean("relu");
    unroll(g, {g.tensor("hx")}, [&](T gates, const std::vector<T>& state) {
      return std::vector<T>{g(relu ? "aten::relu" : "aten::tanh", gates + g("aten::linear", state[0], w_hh))};
    });
  }
};

using Ops = OpList<Lstm, Gru, Rnn>;

}  // namespace portfire::ops::recurrent_layer
