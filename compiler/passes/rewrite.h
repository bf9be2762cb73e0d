// Rewriting by rebuilding: a pass visits each node in order and says what stands for it in the new
// graph. Values that nothing mentions any more disappear on the way.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "compiler/ir/builder.h"
#include "core/error.h"

namespace portfire::passes {

using ir::Arg;
using ir::Builder;
using ir::Graph;
using ir::Node;

// `args` are the node's arguments in terms of the new graph. Returns what stands for each of its
// results (values or plain numbers); nullopt: the node is called again as it is.
using Visit = std::function<std::optional<std::vector<Arg>>(Builder& b, const Node& node, std::vector<Arg>& args)>;

// Sub-graphs are rewritten the same way, before the node that holds them is visited. Refusals come
// back as errors with operator and line.
Result<Graph> rewrite(const Graph& in, const Visit& visit);

// Runs `pass` over the sub-graphs of all nodes: for passes that do not go through `rewrite`.
Error rewrite_sub_graphs(Graph* graph, Result<Graph> (*pass)(Graph));

// What a visitor keeps for the graph being built. Sub-graphs are built in between, with value numbers
// of their own.
template <class T>
class PerGraph {
 public:
  T& of(Builder& b) {
    // A graph without nodes is a new one, whatever stood at its address before.
    if (b.graph().nodes.empty()) kept_.erase(&b.graph());
    return kept_[&b.graph()];
  }

 private:
  std::map<const Graph*, T> kept_;
};

// The graph with each node behind those that it reads, in the order they had as far as that allows. Nodes must not read each other in turn.
Graph in_order(Graph graph);

// Removes nodes whose results nothing uses. Checks and state updates stay.
Graph eliminate_dead(Graph graph);

}  // namespace portfire::passes
