#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {

// Builder::call decomposes what has no implementation of its own; rebuilding every node suffices.
Result<Graph> decompose(Graph graph) {
  return rewrite(graph, [](Builder&, const Node&, std::vector<Arg>&) { return std::nullopt; });
}

}  // namespace portfire::passes
