// What one step of a recurrent network does to one sequence, on vectors.
#pragma once

#include <cstddef>

namespace portfire::recurrent {

// n hidden values. `x`: what the inputs bring to the gates, `s`: what the state brings, gate after
// gate of n values each. ops/recurrent_layer.h has the formulas. `h` may be where `s` was made from,
// not `s` itself.
struct Cell {
  size_t n;
  const float* x;
  const float* s;
  float* c;  // LSTM: the cell state, updated
  float* h;  // the new hidden values; GRU: the old ones before
};
using CellFn = void (*)(const Cell&);

struct Cells {
  CellFn lstm, gru, tanh, relu;
};
// For this machine.
const Cells& cells();

}  // namespace portfire::recurrent
