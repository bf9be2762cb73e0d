// Constant weight matrices in the panels that kernels read (kernels/gemm/gemm.h).
#pragma once

#include "compiler/ir/builder.h"
#include "compiler/passes/match.h"

namespace portfire::passes {

// W as rows of outputs: element (j, i) at data[j * row + i * column].
struct Weights {
  const float* data;
  int64_t n, k, row, column;
};

// `v` as n x k weights where it is an f32 constant, or the transpose of one.
bool find_weights(const ir::Graph& graph, const Uses& uses, ir::ValueId v, bool n_first, Weights* out);

// A new constant of `b`'s graph, [ceil(n / 32), k, 32].
ir::Tensor pack_panels(ir::Builder& b, const Weights& w);

}  // namespace portfire::passes
