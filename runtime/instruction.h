// One instruction of a loaded method.
#pragma once

#include "runtime/method.h"

namespace portfire {

struct Method::Instruction {
  enum class Kind : uint8_t { kernel, checked_kernel, reference, view, symbolic, move, jump_false, none };
  Kind kind = Kind::none;
  bool every_time = false;      // views of memory that moves: computed in each run
  const Op* op = nullptr;
  const Kernel* kernel = nullptr;
  std::span<const Value*> args;  // schema arguments
  std::span<TensorView*> outs;
  std::span<uint32_t> out_values;
  void* state = nullptr;
  size_t state_capacity = 0;
  uint64_t prepared_at = UINT64_MAX;  // versions_of the arguments when last prepared
  uint32_t a = 0, b = 0;              // move: from, to; jump_false: condition, destination
  uint32_t index = 0;                 // in the chain, for messages
};

}  // namespace portfire
