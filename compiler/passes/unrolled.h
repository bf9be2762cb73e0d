// Steps of recurrent layers, as decomposing leaves them and as loops over cells are traced:
//
//   LSTM   i, f, g, o = chunks of (x + w h [+ b]);  c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')
//   GRU    r, z, n = chunks of x, s = w h [+ b];    r = sigmoid(x_r + s_r), z = sigmoid(x_z + s_z), n = tanh(x_n + r s_n)
//                                                   h' = n + z (h - n), or (1 - z) n + z h
//   RNN    h' = tanh or relu of (x + w h [+ b])
//
// x is what the step's input brings. Sources: torch.nn.LSTM, GRU and RNN.
#pragma once

#include <set>
#include <string_view>
#include <vector>

#include "compiler/passes/match.h"

namespace portfire::passes {

struct Step {
  enum Cell { lstm, gru, tanh, relu } cell;
  ir::ValueId x;                          // [.., gates * hidden], its rows those of the batch
  ir::ValueId h = ir::kNoValue;           // kNoValue: w h [+ b] are these constants, whole or in chunks
  std::vector<ir::ValueId> from_h;
  ir::ValueId c = ir::kNoValue;           // of LSTMs
  ir::ValueId h_next, c_next = ir::kNoValue;
  ir::ValueId w = ir::kNoValue, b = ir::kNoValue;  // b kNoValue: none
  bool w_turned = false;                  // w is [hidden, gates * hidden]
  std::set<const ir::Node*> nodes;        // that compute it
};

// Reads one graph, which stays as it is meanwhile.
class Unrolled {
 public:
  explicit Unrolled(const ir::Graph& graph) : g_(graph), uses_(graph) {}
  const ir::Graph& graph() const { return g_; }
  const Uses& uses() const { return uses_; }

  // The step whose h' is the result of `n`, where nothing else uses what it computes on the way. Of a sum of two products either may be
  // that of h: both readings are given.
  std::vector<Step> steps(const ir::Node& n) const;
  // The same elements in the same order, of whatever shape: views are looked through.
  ir::ValueId root(ir::ValueId v) const;
  const ir::Node* producer(ir::ValueId v) const { return v == ir::kNoValue ? nullptr : uses_.producer(v); }
  // One value, or constants of the same elements, or such turned in the same way.
  bool equal(ir::ValueId a, ir::ValueId b) const;

 private:
  struct Piece {  // a chunk of the last dimension
    ir::ValueId of = ir::kNoValue;
    int64_t index = -1, width = 0;
  };
  bool lstm(Step* s, ir::ValueId* gates) const;
  bool gru(Step* s) const;
  bool gru_gates(ir::ValueId z, ir::ValueId n, Step* s) const;
  bool product(ir::ValueId v, Step* s) const;
  void add_readings(const Step& s, ir::ValueId gates, std::vector<Step>* out) const;
  const ir::Node* made(ir::ValueId v, std::string_view op, Step* s) const;
  bool operands(ir::ValueId v, std::string_view op, Step* s, ir::ValueId* a, ir::ValueId* b) const;
  ir::ValueId inside(ir::ValueId v, std::string_view op, Step* s) const;
  ir::ValueId one_less(ir::ValueId v, Step* s) const;
  Piece piece(ir::ValueId v, Step* s) const;
  ir::ValueId through(ir::ValueId v, Step* s) const;
  bool closed(const Step& s) const;

  const ir::Graph& g_;
  const Uses uses_;
};

}  // namespace portfire::passes
