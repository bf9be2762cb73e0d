// What an instruction has to do at the least: the operations of its formula, and the bytes of its operands. Profiles
// hold times against these; they say nothing of how a kernel does it.
#pragma once

#include "runtime/method.h"

namespace portfire::cli {

struct Cost {
  double flops = 0;  // a multiplication and an addition are two; an element-wise operator is one for each element
  double bytes = 0;  // each tensor argument read once, each result written once; broadcast elements count once
};

Cost cost_of(const Method::InstructionInfo& instruction);

}  // namespace portfire::cli
