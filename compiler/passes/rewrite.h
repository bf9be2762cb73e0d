// Rewriting by rebuilding: a pass visits each node in order and says what stands for it in the new
// graph. Values that nothing mentions any more disappear on the way.
#pragma once

#include <functional>
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

// Removes nodes whose results nothing uses. Checks and state updates stay.
Graph eliminate_dead(Graph graph);

}  // namespace portfire::passes
