// portfire::again: its argument. What is computed from it is not taken for what was computed from the argument before: that may be
// forgotten meanwhile (training/recompute.h). `part` tells several of one tensor apart.
#pragma once

#include "ops/op.h"

namespace portfire::ops::again {

struct Again {
  static constexpr std::string_view schema = "portfire::again(Tensor(a) self, int part) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) {
    out = a.tensor(0);
    return {};
  }
};

using Ops = OpList<Again>;

}  // namespace portfire::ops::again
