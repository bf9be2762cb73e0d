// Higher-order operators: sub-graphs as arguments. The compiler lowers them to jumps and moves when it
// emits a program; nothing here runs by itself. A sub-graph takes its operands as inputs.
#pragma once

#include "ops/op.h"

namespace portfire::ops::control_flow {

// The results of `true_graph` or of `false_graph`, called on `operands`.
struct Cond {
  static constexpr std::string_view schema =
      "portfire::cond(Tensor pred, Graph true_graph, Graph false_graph, Tensor[] operands) -> Tensor[]";
};
// while cond(carried..., additional...): carried = body(carried..., additional...). Results: carried.
struct WhileLoop {
  static constexpr std::string_view schema =
      "portfire::while_loop(Graph cond, Graph body, Tensor[] carried, Tensor[] additional) -> Tensor[]";
};
// For each i along dim 0 of every xs: (carry, y_i) = body(carry..., xs[i]..., additional...).
// Results: the last carry, then the y_i stacked. With no `init` it is map.
struct Scan {
  static constexpr std::string_view schema =
      "portfire::scan(Graph body, Tensor[] init, Tensor[] xs, Tensor[] additional) -> Tensor[]";
};

// The results of `body`, which ExecuTorch's XNNPACK delegate computes (compiler/passes/delegate_xnnpack.cc).
struct Xnnpack {
  static constexpr std::string_view schema = "portfire::xnnpack(Graph body, Tensor[] operands) -> Tensor[]";
};

using Ops = OpList<Cond, WhileLoop, Scan, Xnnpack>;

}  // namespace portfire::ops::control_flow
