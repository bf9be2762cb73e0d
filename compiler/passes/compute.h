// Calls of operators whose tensors are all constants, computed while compiling.
#pragma once

#include <memory>
#include <vector>

#include "compiler/ir/infer.h"

namespace portfire::passes {

struct Computed {
  ir::Type type;  // dense
  std::shared_ptr<std::vector<std::byte>> bytes;
};
// What `op`, which has a reference, gives for `args`; empty where the reference refuses.
std::vector<Computed> compute(const ir::Graph& g, const ir::OpInfo& op, const std::vector<ir::Arg>& args);

}  // namespace portfire::passes
