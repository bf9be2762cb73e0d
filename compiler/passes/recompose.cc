// Decomposed graphs use operators with more results than anybody reads; where only the first is read, the
// operator that gives just that has kernels.
#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

struct Simpler {
  std::string_view op, instead;
  bool flag;  // one more argument, true
};
constexpr Simpler kSimpler[] = {
    {"aten::native_layer_norm", "aten::layer_norm", true},
    {"aten::max_pool2d_with_indices", "aten::max_pool2d", false},
    {"aten::max_pool3d_with_indices", "aten::max_pool3d", false},
};

}  // namespace

Result<Graph> recompose(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, recompose));
  const Uses uses(graph);
  for (Node& n : graph.nodes)
    for (const Simpler& s : kSimpler) {
      if (n.op->name != s.op) continue;
      bool others = false;
      for (size_t i = 1; i < n.outs.size(); ++i) others |= uses.used(n.outs[i]);
      if (others) continue;
      n.op = ir::find_op_info(s.instead);
      n.outs.resize(1);
      if (s.flag) n.args.push_back(true);
      break;
    }
  return graph;
}

}  // namespace portfire::passes
