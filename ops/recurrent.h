// aten::lstm, gru, rnn_tanh, rnn_relu: layers and directions over a sequence, each of them a linear
// operator over all steps and one recurrent layer (ops/recurrent_layer.h). The cells are one step.
#pragma once

#include <string>
#include <tuple>
#include <utility>

#include "ops/op.h"

namespace portfire::ops::recurrent {

enum class Cell { lstm, gru, rnn_tanh, rnn_relu };

// b_ih + b_hh, either of which may be absent.
template <class T>
T both_biases(T a, T b) {
  return !a ? b : !b ? a : a + b;
}

// Weights of one layer and direction.
template <class T>
struct Weights {
  T w_ih, w_hh, b_ih, b_hh, w_hr;
};

// Output, h and, for LSTM, c of one layer in one direction.
template <class G, class T>
std::vector<T> run_layer(G& g, Cell cell, T x, T h, T c, const Weights<T>& w, T batch_sizes,
                         bool reverse) {
  if (cell == Cell::gru) {
    auto gates = g("aten::linear", x, w.w_ih, w.b_ih);
    return g.all("portfire::gru_layer", gates, h, w.w_hh, w.b_hh, batch_sizes, reverse);
  }
  auto gates = g("aten::linear", x, w.w_ih, both_biases(w.b_ih, w.b_hh));
  if (cell == Cell::lstm)
    return g.all("portfire::lstm_layer", gates, h, c, w.w_hh, w.w_hr, batch_sizes, reverse);
  return g.all("portfire::rnn_layer", gates, h, w.w_hh, batch_sizes, cell == Cell::rnn_relu,
               reverse);
}

// The hidden state and the cell's of an LSTM.
template <class G>
auto two_states(G& g) {
  const auto hx = g.tensors("hx");
  if (hx.size() != 2) g.reject("hx holds " + std::to_string(hx.size()) + " tensors (expected 2)");
  return std::pair(hx[0], hx[1]);
}

// x [T,B,I] or packed [rows,I]. Gives the output, then h (and c) of all layers.
template <class G, class T>
std::vector<T> run_network(G& g, Cell cell, T x, T hx, T cx, T batch_sizes) {
  const auto params = g.tensors("params");
  const bool biases = g.boolean("has_biases");
  const int64_t layers = g.known_integer("num_layers"), ways = g.boolean("bidirectional") ? 2 : 1;
  if (layers < 1 || layers > static_cast<int64_t>(params.size())) g.reject(std::to_string(layers) + " layers");
  const size_t each = params.size() / static_cast<size_t>(layers * ways), plain = biases ? 4 : 2;
  if (params.size() % static_cast<size_t>(layers * ways) || each < plain || each > plain + 1)
    g.reject(std::to_string(params.size()) + " weights for " + std::to_string(layers) + " layers");
  std::vector<T> last_h, last_c;
  for (int64_t layer = 0; layer < layers; ++layer) {
    std::vector<T> outputs;
    for (int64_t way = 0; way < ways; ++way) {
      const int64_t i = layer * ways + way;
      const T* p = &params[static_cast<size_t>(i) * each];
      const Weights<T> w{p[0], p[1], biases ? p[2] : T(), biases ? p[3] : T(),
                         each > plain ? p[plain] : T()};
      const T c = cx ? g("aten::select.int", cx, 0, i) : T();
      auto done =
          run_layer(g, cell, x, g("aten::select.int", hx, 0, i), c, w, batch_sizes, way == 1);
      outputs.push_back(done[0]);
      last_h.push_back(done[1]);
      if (cx) last_c.push_back(done[2]);
    }
    x = ways == 1 ? outputs[0] : g("aten::cat", outputs, -1);
    const double p = g.real("dropout");
    if (p > 0 && g.boolean("train") && layer + 1 < layers) x = g("aten::dropout", x, p, true);
  }
  std::vector<T> out{x, g("aten::stack", last_h, 0)};
  if (cx) out.push_back(g("aten::stack", last_c, 0));
  return out;
}

template <class G>
void decompose_padded(G& g, Cell cell) {
  auto x = g.tensor("input");
  decltype(x) h, c, no_sizes;
  if (cell == Cell::lstm) {
    std::tie(h, c) = two_states(g);
  } else {
    h = g.tensor("hx");
  }
  const bool batch_first = g.boolean("batch_first");
  if (batch_first) x = g("aten::transpose.int", x, 0, 1);
  auto out = run_network(g, cell, x, h, c, no_sizes);
  if (batch_first) out[0] = g("aten::transpose.int", out[0], 0, 1);
  g.results(out);
}

template <class G>
void decompose_packed(G& g, Cell cell) {
  decltype(g.tensor("data")) h, c;
  if (cell == Cell::lstm) {
    std::tie(h, c) = two_states(g);
  } else {
    h = g.tensor("hx");
  }
  g.results(run_network(g, cell, g.tensor("data"), h, c, g.tensor("batch_sizes")));
}

#define PF_RECURRENT(type, body, cell, text)            \
  struct type {                                         \
    static constexpr std::string_view schema = text;    \
    template <class G>                                  \
    static void decompose(G& g) {                       \
      body(g, cell);                                    \
    }                                                   \
  };
PF_RECURRENT(Lstm, decompose_padded, Cell::lstm,
             "aten::lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int "
             "num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> "
             "(Tensor, Tensor, Tensor)")
PF_RECURRENT(Gru, decompose_padded, Cell::gru,
             "aten::gru.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int "
             "num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> "
             "(Tensor, Tensor)")
PF_RECURRENT(RnnTanh, decompose_padded, Cell::rnn_tanh,
             "aten::rnn_tanh.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int "
             "num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> "
             "(Tensor, Tensor)")
PF_RECURRENT(RnnRelu, decompose_padded, Cell::rnn_relu,
             "aten::rnn_relu.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int "
             "num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> "
             "(Tensor, Tensor)")
PF_RECURRENT(LstmPacked, decompose_packed, Cell::lstm,
             "aten::lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool "
             "has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> "
             "(Tensor, Tensor, Tensor)")
PF_RECURRENT(GruPacked, decompose_packed, Cell::gru,
             "aten::gru.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool "
             "has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> "
             "(Tensor, Tensor)")
PF_RECURRENT(RnnTanhPacked, decompose_packed, Cell::rnn_tanh,
             "aten::rnn_tanh.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, "
             "bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> "
             "(Tensor, Tensor)")
PF_RECURRENT(RnnReluPacked, decompose_packed, Cell::rnn_relu,
             "aten::rnn_relu.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, "
             "bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> "
             "(Tensor, Tensor)")

// One step; input [B,I] or [I], states alike.
template <class G>
void decompose_cell(G& g, Cell cell) {
  auto x = g.tensor("input");
  decltype(x) h, c, none;
  if (cell == Cell::lstm) {
    std::tie(h, c) = two_states(g);
  } else {
    h = g.tensor("hx");
  }
  const Weights<decltype(x)> w{g.tensor("w_ih"), g.tensor("w_hh"), g.tensor("b_ih"),
                               g.tensor("b_hh"), none};
  const bool batched = x.rank() == 2;
  auto step = [&](auto t, int dims) {
    for (; t && dims > 0; --dims) t = g("aten::unsqueeze", t, 0);
    return t;
  };
  auto out = run_layer(g, cell, step(x, batched ? 1 : 2), step(h, batched ? 0 : 1),
                       step(c, batched ? 0 : 1), w, none, false);
  out.erase(out.begin());
  for (auto& t : out)
    if (!batched) t = g("aten::squeeze.dim", t, 0);
  g.results(out);
}
PF_RECURRENT(LstmCell, decompose_cell, Cell::lstm,
             "aten::lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? "
             "b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)")
PF_RECURRENT(GruCell, decompose_cell, Cell::gru,
             "aten::gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, "
             "Tensor? b_hh=None) -> Tensor")
PF_RECURRENT(RnnTanhCell, decompose_cell, Cell::rnn_tanh,
             "aten::rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? "
             "b_ih=None, Tensor? b_hh=None) -> Tensor")
PF_RECURRENT(RnnReluCell, decompose_cell, Cell::rnn_relu,
             "aten::rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? "
             "b_ih=None, Tensor? b_hh=None) -> Tensor")
#undef PF_RECURRENT

using Ops = OpList<Lstm, Gru, RnnTanh, RnnRelu, LstmPacked, GruPacked, RnnTanhPacked, RnnReluPacked,
                   LstmCell, GruCell, RnnTanhCell, RnnReluCell>;

}  // namespace portfire::ops::recurrent
