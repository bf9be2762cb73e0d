// Recurrent layers with constant f32 weights take them in panels.
#include "compiler/passes/panels.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

// Arguments of each layer that are matrices.
struct Matrices {
  std::string_view op;
  int first, second;  // -1: none
};
constexpr Matrices kLayers[] = {{"portfire::lstm_layer", 3, 4}, {"portfire::gru_layer", 2, -1}, {"portfire::rnn_layer", 2, -1}};

}  // namespace

Result<Graph> pack_recurrent(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, pack_recurrent));
  const Uses uses(graph);
  ir::Builder b(&graph);
  for (Node& n : graph.nodes) {
    for (const Matrices& layer : kLayers) {
      if (n.op->name != layer.op) continue;
      for (const int i : {layer.first, layer.second}) {
        if (i < 0 || !n.args[static_cast<size_t>(i)].ref()) continue;
        Arg& a = n.args[static_cast<size_t>(i)];
        Weights w;
        if (graph.type(a.ref()->id).rank() == 2 && find_weights(graph, uses, a.ref()->id, true, &w)) a = pack_panels(b, w);
      }
    }
  }
  return eliminate_dead(std::move(graph));
}

}  // namespace portfire::passes
