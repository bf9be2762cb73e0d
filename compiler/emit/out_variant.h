// Instructions as ExecuTorch's runtime has them: operators write to tensors that they are given.
#pragma once

#include <string>
#include <vector>

#include "compiler/emit/lower.h"

namespace portfire::emit {

struct OutVariant {
  struct Argument {
    Arg value;
    std::string type;  // as schemas write it
  };
  std::string name;                // "aten::add.out"
  std::vector<Argument> args;      // all that come before the results
  std::vector<ValueId> outs;
  std::vector<ValueId> returned;   // of these, once more at the end: one, or several in a list
};
// Of a call in a program for ExecuTorch (compiler/passes/to_portable.cc).
OutVariant out_variant(const Lowered& program, const Instruction& call);

// A call that only says other sizes of a tensor: where both have one place in memory nothing is left to do.
bool is_reshape(const Lowered& program, const Instruction& i);

}  // namespace portfire::emit
