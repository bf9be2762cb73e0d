// Memory planning: which tensors own memory, for how long, and where it lies.
//
// Views live in the memory of what they view. A result may take over the memory of an operand that
// dies with the call, where the operator allows it. Everything bounded shares buffer 1, placed by
// decreasing size at the lowest offset free over its lifetime; state that methods share has a buffer of its own. Tensors without a bound get buffers of
// their own that grow at run time; such a buffer serves tensors whose lifetimes do not meet.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/emit/shared_state.h"

namespace portfire::emit {

struct Allocation {
  uint32_t buffer = 0;   // 0: no memory of its own (constants, inputs, views)
  uint64_t offset = 0;
};

struct MemoryPlan {
  std::vector<Allocation> values;      // by value
  std::vector<int64_t> buffer_sizes;   // index 0 is not used
  // What buffer 1 could not be smaller than: the most bytes that are alive at a time. Of these, gradients of parameters.
  uint64_t live = 0, live_gradients = 0;
};

// `shared` holds the state of `program` that is_shared.
MemoryPlan plan_memory(const Lowered& program, const SharedState& shared = {});

}  // namespace portfire::emit
