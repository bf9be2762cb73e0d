// Less memory for more work: what the forward pass computed is computed again where the backward pass needs it, instead of being kept
// (Griewank, Walther 2000, "Revolve"; Chen et al. 2016, "Training deep nets with sublinear memory cost").
#pragma once

#include "compiler/ir/graph.h"

namespace portfire::training {

struct Recomputation {
  // The forward pass is cut into so many segments, at places over which little is carried. What crosses a cut is kept, what a segment
  // made besides is made again when the backward pass comes to it; the last segment's is kept.
  int segments = 1;
  // Results of products, convolutions and the like are kept: what is made again costs little. Segments do not matter then.
  bool keep_products = false;
};

// `forward`: how many of the graph's first nodes are the forward pass. Random numbers, and what is drawn from them at once, are kept.
ir::Graph recompute(ir::Graph graph, size_t forward, const Recomputation& how);

}  // namespace portfire::training
