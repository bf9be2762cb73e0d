// Constant weight matrices in the panels that kernels read (ops/panels.h).
#pragma once

#include "compiler/ir/builder.h"
#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"

namespace portfire::passes {

// W as rows of outputs: element (j, i) at data[j * row + i * column].
struct Weights {
  const float* data;
  int64_t n, k, row, column;
};

// `v` as n x k weights where it is an f32 constant, or the transpose of one.
bool find_weights(const ir::Graph& graph, const Uses& uses, ir::ValueId v, bool n_first, Weights* out);

// A new constant of `b`'s graph: w in panels.
ir::Tensor pack_panels(ir::Builder& b, const Weights& w, Precision precision = Precision::f32);
// The same from panels of f32, [ceil(n / 32), k, 32].
ir::Tensor panels_constant(ir::Builder& b, std::vector<float> panels, int64_t n, int64_t k, Precision precision);

}  // namespace portfire::passes
