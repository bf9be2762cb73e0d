// aten::scaled_dot_product_attention of f32 -> portfire::attention_bf16.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {

Result<Graph> attention_to_bf16(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, attention_to_bf16));
  for (Node& n : graph.nodes)
    if (n.op->name == "aten::scaled_dot_product_attention" && graph.type(n.outs[0]).dtype == DType::f32) n.op = ir::find_op_info("portfire::attention_bf16");
  return graph;
}

}  // namespace portfire::passes
