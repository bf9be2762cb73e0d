// How a pointwise program (ops/pointwise_program.h) runs: made once, by the kernel's `prepare`.
#pragma once

#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/pointwise/tiles.h"
#include "ops/pointwise_program.h"

namespace portfire::pointwise {

using ops::pointwise_program::kMaxInputs;
using ops::pointwise_program::kMaxLiterals;
using ops::pointwise_program::kMaxSteps;
static_assert(Tiling::kMaxOperands == kMaxInputs + 1);

inline constexpr size_t kSlotBytes = kStrip * 8;  // kStrip elements of the widest class

struct Plan {
  ops::pointwise_program::Program program;
  Tiling tiling;
  LoadFn loads[kMaxInputs];
  StepFn fns[kMaxSteps];          // null: a conversion
  ConvertFn converts[kMaxSteps];
  NarrowFn narrows[kMaxSteps];    // null: nothing to do
  StoreFn store;
  int further = 0;                         // results beside the answer
  int16_t further_register[ops::pointwise_program::kMaxFurther];
  StoreFn further_store[ops::pointwise_program::kMaxFurther];
  int16_t source[kMaxInputs + kMaxSteps];  // the register that holds what this one does: often itself
  int16_t slot[kMaxInputs + kMaxSteps];    // of each register that is its own source
  bool stays[kMaxInputs];                  // does not depend on the row: loaded once
  bool holds[kMaxInputs];                  // may be used again for the next tile
  int16_t operand_slot[kMaxSteps][3];    // of each step; literals have slots of their own
  struct { int16_t slot; DType dtype; double real; int64_t integer; } literals[kMaxLiterals];
  int literal_count = 0, slots = 0;
  size_t strip = kStrip;  // elements of a register, at most
  // The answer is the last result.
  static const TensorView& out(const Operands& o) { return *o.outs.back(); }
  int answer() const { return source[program.inputs + program.count - 1]; }
};

// False where the kernel does not take it. `plan`: fresh.
bool make_plan(const Operands& o, Plan* plan);

}  // namespace portfire::pointwise
