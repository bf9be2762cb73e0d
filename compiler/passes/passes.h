// The passes, each a verb: graph in, graph out. compiler/passes/pipeline.cc lists them in order.
#pragma once

#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::passes {

using ir::Graph;

// What products with constant f32 weights keep them in.
enum class Precision { f32, bf16 };

// Whose runtime is to run the program.
enum class Target { native, executorch };

// Composite operators become operators that the runtime has.
Result<Graph> decompose(Graph graph);

// Removes `aten::detach`, which says something of gradients only.
Result<Graph> drop_detach(Graph graph);

// Mutation through views becomes values: after it, no `aten::copy_` is left. A write to a view is a
// scatter into what it views, and everything read afterwards reads the new value. Writes to state and
// to inputs become their updates.
Result<Graph> functionalise(Graph graph);

// What depends on constants alone is computed here, by the operators' references; but for dequantized weights.
Result<Graph> fold_constants(Graph graph);

// Tables and weights that are dequantized for one operator go into it as integers, where an operator takes them so.
Result<Graph> join_quantized(Graph graph);

// Constants that are dequantized become constants of f32.
Result<Graph> fold_dequantized(Graph graph);

// Products of rows that a view flattened take them as they were, and views of views are views of what lies there.
Result<Graph> lift_products(Graph graph);

// Removes operators that change nothing, repeated computations, and what nothing uses.
Result<Graph> simplify(Graph graph);

// Operators whose further results nobody reads become those with one.
Result<Graph> recompose(Graph graph);

// Sums of scatters into zeros, as gradients of slices are, become concatenations.
Result<Graph> join_scatters(Graph graph);

// softmax(q k^T) v in parts becomes one operator.
Result<Graph> recompose_attention(Graph graph);

// Constant masks of attention go where they hide nothing, or become `is_causal`.
Result<Graph> simplify_masks(Graph graph);

// Attention of f32 becomes that whose products may be computed in bf16.
Result<Graph> attention_to_bf16(Graph graph);

// Products with constant f32 weights take them prepacked, with the bias, the residual that is added and
// the activation that follows.
Result<Graph> pack_linear(Graph graph);
Result<Graph> pack_linear_bf16(Graph graph);  // in bf16

// Recurrent layers that were unrolled step by step become layers over sequences again.
Result<Graph> roll_recurrent(Graph graph);

// Recurrent layers with constant f32 weights take them prepacked.
Result<Graph> pack_recurrent(Graph graph);

// Convolutions with constant f32 weights become channels-last with prepacked weights, batch norms, a
// residual and an activation taken in.
Result<Graph> pack_convolution(Graph graph);
Result<Graph> pack_convolution_bf16(Graph graph);  // in bf16, except depthwise ones

// Depthwise convolutions take in the dense ones before and after them, where rows between them then stay in a cache.
Result<Graph> fuse_depthwise(Graph graph);

// Permuted views move from the operands of element-wise chains and concatenations to their results.
Result<Graph> sink_permutes(Graph graph);

// For ExecuTorch: scales and shifts of channels go into the convolutions before them.
Result<Graph> fold_channels(Graph graph);

// For ExecuTorch: what its portable library lacks becomes operators that it has; then views become copies.
Result<Graph> decompose_portable(Graph graph);
Result<Graph> to_portable(Graph graph);

// Several operators for which XNNPACK has one node become one that only its delegate computes.
Result<Graph> join_for_xnnpack(Graph graph);
// What ExecuTorch's XNNPACK delegate takes becomes `portfire::xnnpack` nodes, as few as there can be.
Result<Graph> delegate_xnnpack(Graph graph);

// Chains of element-wise operators become one `portfire::pointwise` each, which reads its inputs and
// writes its result once. A value that several nodes use ends its chain.
Result<Graph> fuse_pointwise(Graph graph);

// A chain whose result another chain of the same sizes reads, and others too, is computed with it: one `portfire::pointwise_2` or `_3`.
Result<Graph> merge_pointwise(Graph graph);

}  // namespace portfire::passes
