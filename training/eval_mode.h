// What `module.eval()` makes of a graph that was exported in train mode.
#pragma once

#include "compiler/ir/graph.h"

namespace portfire::training {

// On a graph from the importer, whose operators are whole: batch norms use their running statistics, nothing is dropped. A graph that was
// exported in eval mode stays as it is.
ir::Graph eval_mode(ir::Graph graph);

}  // namespace portfire::training
