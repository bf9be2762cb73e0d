// State of a graph, by name.
#pragma once

#include <string>

#include "compiler/ir/graph.h"

namespace portfire::training {

// Shared state that begins as zeros; its value.
ir::ValueId add_state(ir::Graph& graph, const std::string& name, ir::Type type, ir::Role role);
// The same of rank 0 that begins as `value`.
ir::ValueId add_number(ir::Graph& graph, const std::string& name, DType dtype, double value, ir::Role role = ir::Role::hyperparameter);
// The state whose value is `state` becomes `fresh` at the end of a call.
void set_update(ir::Graph& graph, ir::ValueId state, ir::ValueId fresh);
// The place in graph.buffers; SIZE_MAX where there is none of that name.
size_t find_state(const ir::Graph& graph, const std::string& name);

}  // namespace portfire::training
