// What ExecuTorch's TrainingModule expects of a program:
//
//   forward(inputs..., target) -> loss, outputs..., gradients..., parameters...
//   __et_training_gradients_index_forward() -> the number of the first gradient among these outputs
//   __et_training_parameters_index_forward() -> that of the first parameter
//   __et_training_fqn_forward() -> the parameters' names, in the order of both
//
// Parameters that the loss does not depend on have no gradient, and are not among them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::training {

// Outputs that are gradients are called so, with the parameter's name behind.
inline constexpr std::string_view kGradientOutput = "grad_";

struct Convention {
  size_t gradients = 0, parameters = 0;  // where they begin
  std::vector<std::string> names;
};

// The parameters whose gradients are outputs from `convention->gradients` on become outputs behind them.
Result<ir::Graph> give_parameters(ir::Graph graph, Convention* convention);

// The three methods: their names, and what their outputs are.
using Answer = std::function<void(const Convention&, std::vector<ir::Output>&)>;
std::vector<std::pair<const char*, Answer>> convention_methods();

}  // namespace portfire::training
