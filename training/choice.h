// State that changes in some calls only.
#pragma once

#include "compiler/ir/builder.h"

namespace portfire::training {

// Appends a choice to the graph of `b`: where `condition` (bool, rank 0) holds, the state of `then` takes its updates, and what the
// values `reset` show (state of b's graph) becomes zero; where not, that state becomes `otherwise` and all else stays. The inputs of `then`
// are `operands`, values of b's graph. State of `then` is b's of the same name, new state where there is none.
struct Choice {
  ir::Tensor condition;
  ir::Graph then;
  std::vector<ir::Tensor> operands;
  std::vector<ir::Tensor> reset, otherwise;
};
void append(ir::Builder& b, Choice choice);

}  // namespace portfire::training
