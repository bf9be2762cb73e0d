// Which calls of a portable graph ExecuTorch's XNNPACK delegate computes; compiler/emit/xnnpack_* writes them.
#pragma once

#include "compiler/passes/match.h"

namespace portfire::passes {

bool xnnpack_takes(const ir::Graph& graph, const Uses& uses, const ir::Node& node);
// Whether it is worth a delegate by itself: products, convolutions, what the portable library has no operator for.
bool xnnpack_gains(const ir::Node& node);

}  // namespace portfire::passes
