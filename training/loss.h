// Losses as graphs of ATen's operators.
#pragma once

#include "compiler/ir/builder.h"
#include "training/options.h"

namespace portfire::training {

// What a target for predictions of type `prediction` must be: classes as i64, sizes without the class dimension, or what the
// prediction itself is. Throws ir::Refusal where there is no such loss of it.
ir::Type target_type(const Options& options, const ir::Type& prediction);

// The loss of rank 0, and checks of the target.
ir::Tensor loss_of(ir::Builder& b, const Options& options, ir::Tensor prediction, ir::Tensor target);

}  // namespace portfire::training
