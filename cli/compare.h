// Comparing an answer with the expected one, as the command-line contract says.
#pragma once

#include "core/tensor_view.h"

namespace portfire::cli {

struct Difference {
  double relative = 0;       // max |a - b| / max(1e-6, max |b|) over finite values
  double largest = 0;        // max |a - b|
  int64_t at = -1;           // where that is, counted row-major; -1: nowhere
  bool same_special = true;  // NaN and infinities stand in the same places
  bool same_shape = true;
  bool within(double tolerance) const { return same_shape && same_special && relative <= tolerance; }
};

Difference compare(const TensorView& answer, const TensorView& expected);

}  // namespace portfire::cli
