// What the steps of an unrolled layer read, as one sequence.
#pragma once

#include <vector>

#include "compiler/ir/builder.h"
#include "compiler/passes/unrolled.h"

namespace portfire::passes {

// `t` with these sizes, of as many elements.
ir::Tensor shaped(ir::Builder& b, ir::Tensor t, const std::vector<ir::Int>& sizes);

// `values`, each of batch rows, in this order as [values, batch, width]: the tensor that they are taken from one after the other,
// a product with one matrix of such, or what joins them. `backwards` says that the tensor holds them in the opposite order.
ir::Tensor sequence_of(ir::Builder& b, const Unrolled& unrolled, const std::vector<ir::ValueId>& values, ir::Int batch, bool* backwards);

}  // namespace portfire::passes
