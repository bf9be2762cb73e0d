#include "training/eval_mode.h"

#include <algorithm>

namespace portfire::training {
namespace {

using ir::Arg;
using ir::Graph;
using ir::Node;

Arg* argument(Node& n, std::string_view name) {
  const int i = n.op->schema.index_of(name);
  return i < 0 ? nullptr : &n.args[static_cast<size_t>(i)];
}

void turn_off(Node& n) {
  for (const char* name : {"training", "train"})
    if (Arg* flag = argument(n, name); flag && flag->boolean()) *flag = false;
  // Instance norms without running statistics have no others than the input's.
  if (Arg* flag = argument(n, "use_input_stats"); flag && flag->boolean() && argument(n, "running_mean") && !argument(n, "running_mean")->none())
    *flag = false;
  if (n.op->name == "aten::scaled_dot_product_attention") *argument(n, "dropout_p") = 0.0;
}

// Batch norms count the batches they train on, by themselves (torch/nn/modules/batchnorm.py).
bool counts_batches(const Graph& g, const Node& n) {
  if (n.op->name != "aten::copy_" || !n.args[0].ref()) return false;
  return std::any_of(g.buffers.begin(), g.buffers.end(), [&](const ir::Buffer& b) {
    return b.value == n.args[0].ref()->id && b.name.ends_with("num_batches_tracked");
  });
}

}  // namespace

Graph eval_mode(Graph graph) {
  std::erase_if(graph.nodes, [&](const Node& n) { return counts_batches(graph, n); });
  for (Node& n : graph.nodes) {
    turn_off(n);
    for (Arg& a : n.args)
      if (const auto* inner = a.graph()) a = std::make_shared<Graph>(eval_mode(**inner));
  }
  return graph;
}

}  // namespace portfire::training
