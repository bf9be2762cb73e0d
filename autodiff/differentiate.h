// Reverse-mode differentiation: graph in, graph out.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "compiler/ir/builder.h"
#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::autodiff {

// Whether a value may have a gradient: a floating or complex tensor; false of kNoValue.
bool is_differentiable(const ir::Graph& graph, ir::ValueId v);

// What is differentiated, with respect to what: numbers of the graph's outputs, inputs and buffers, all floating tensors.
struct Problem {
  std::vector<size_t> outputs;
  std::vector<size_t> inputs, buffers;
  enum class Seeds { inputs, ones } seeds = Seeds::inputs;  // ones: what outputs are multiplied with below is 1
  // Is told of each gradient (by its place in Differentiated::gradients) as soon as it is complete, and may append what consumes it;
  // kNoValue where no output depends on the source. May be empty.
  std::function<void(ir::Builder&, size_t, ir::ValueId)> on_gradient;
};

// Appends to a functional graph (one after `functionalise`) what computes the gradients of
//   sum over the outputs k of <seed_k, output_k>
// where seeds are new inputs, "seed_0", "seed_1", ..., of their outputs' types, or ones. Nothing is built for values on which none of
// the inputs and buffers has an influence. An operator without a rule of its own is differentiated through its decomposition;
// one that has neither is refused with its line of Python.
struct Differentiated {
  ir::Graph graph;
  // Of the inputs, then of the buffers; zeros where no output depends on one. Empty where `on_gradient` takes them.
  std::vector<ir::ValueId> gradients;
  size_t forward = 0;  // how many of the graph's first nodes are what was there before
};
Result<Differentiated> differentiate(ir::Graph graph, const Problem& problem);

// The program of it: the given outputs, then the gradients, "grad_" and the name of what they belong to.
Result<ir::Graph> vector_jacobian_product(ir::Graph graph, const Problem& problem);

}  // namespace portfire::autodiff
