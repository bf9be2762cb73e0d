// The methods of a training program, from the graph of a model:
//
//   train_step(inputs..., target, lr) -> loss, outputs...       changes parameters, optimizer state, buffers
//   evaluate(inputs..., target) -> loss, outputs...             as module.eval() computes them
//   forward(inputs...) -> outputs...
//
// `target` is missing where the model computes its loss; `lr` is an f32 number. Without an optimizer train_step gives the gradients of
// all trainable parameters after the outputs, and changes no parameter. What one method writes is shared state of all.
//
// For ExecuTorch there is one method instead, and three that say where its outputs are: training/executorch.h.
#pragma once

#include "compiler/driver/compile.h"
#include "training/options.h"

namespace portfire::training {

// `imported` is a graph from the importer. Code::bad_argument where the options do not fit the model.
Result<std::vector<MethodSource>> methods(ir::Graph imported, const Options& options, const passes::PipelineOptions& passes);

}  // namespace portfire::training
