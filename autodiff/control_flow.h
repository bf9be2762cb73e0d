// Gradients of operators that hold graphs: the same operators over the graphs' own gradients.
#pragma once

#include <utility>
#include <vector>

#include "compiler/ir/gradient.h"

namespace portfire::autodiff {

// As ir::Gradient::ask: for node number `index` of the graph being built. Throws Refusal.
using Answer = ir::Gradient::Answer;

bool is_control_flow(const ir::Node& node);
// portfire::cond: the choice between the gradients of its branches, which compute what they need again.
// portfire::scan: the same steps backwards. The node is changed to give what each step carried as well.
Answer control_flow_gradients(ir::Gradient& build, size_t index, const std::vector<ir::Tensor>& grads, const std::vector<bool>& varies);

}  // namespace portfire::autodiff
