// Decomposed graphs use operators with more results than anybody reads; where only the first is read, the
// operator that gives just that has kernels.
#include <algorithm>
#include <map>

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

// The pooling with places of the same input with the same arguments, in `graph`; null where there is none, or `n` is no pooling.
const Node* with_places(const Graph& graph, const Node& n) {
  if (n.op->name != "aten::max_pool2d" && n.op->name != "aten::max_pool3d") return nullptr;
  if (&n < graph.nodes.data() || &n >= graph.nodes.data() + graph.nodes.size()) return nullptr;  // of a sub-graph
  for (const Node& other : graph.nodes)
    if (other.op->name == std::string(n.op->name) + "_with_indices" && other.args == n.args) return &other;
  return nullptr;
}

// Pooling by maximum with and without places (which a gradient needs): once.
Result<Graph> pool_once(Graph graph) {
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& n) { return with_places(graph, n); })) return graph;
  std::map<const Node*, std::vector<Arg>> done;
  Result<Graph> out = rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) -> std::optional<std::vector<Arg>> {
    const Node* pool = with_places(graph, n);
    const auto it = done.find(pool ? pool : &n);
    if (it != done.end()) return pool ? std::vector<Arg>{it->second[0]} : it->second;
    if (!pool) return std::nullopt;
    const std::vector<Arg> both = b.call(*pool->op, args);
    done[pool] = both;
    return std::vector<Arg>{both[0]};
  });
  return out;
}

}  // namespace

Result<Graph> recompose(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, recompose));
  PF_ASSIGN(graph, pool_once(std::move(graph)));
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
