// Products in bf16, weights and all else in f32: what torch.autocast(dtype=torch.bfloat16) computes.
#pragma once

#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::training {

// On a functional graph, before it is differentiated: products and convolutions of f32 take their operands rounded to bf16, and give
// results of bf16 that become f32 again. Gradients go the same way back.
Result<ir::Graph> autocast(const ir::Graph& graph);

}  // namespace portfire::training
