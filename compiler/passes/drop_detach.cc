#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

bool has_detach(const Graph& g) {
  for (const Node& n : g.nodes) {
    if (n.op->name == "aten::detach") return true;
    for (const Arg& a : n.args)
      if (const auto* inner = a.graph(); inner && has_detach(**inner)) return true;
  }
  return false;
}

}  // namespace

Result<Graph> drop_detach(Graph graph) {
  if (!has_detach(graph)) return graph;
  return rewrite(graph, [](Builder&, const Node& n, std::vector<Arg>& args) -> std::optional<std::vector<Arg>> {
    if (n.op->name != "aten::detach") return std::nullopt;
    return std::vector<Arg>{args[0]};
  });
}

}  // namespace portfire::passes
