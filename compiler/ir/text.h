// Graphs as text: one line a value or node, readable by people and by `parse_text`.
#pragma once

#include <string>

#include "compiler/ir/graph.h"

namespace portfire::ir {

std::string to_text(const Graph& graph);

}  // namespace portfire::ir
