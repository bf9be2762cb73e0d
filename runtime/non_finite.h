// Where a NaN or an infinity comes from: a call run once more, each instruction looked at.
#pragma once

#include "runtime/method.h"

namespace portfire {

struct NonFinite {
  size_t instruction = SIZE_MAX;    // the first whose result has one where its operands have none; SIZE_MAX: none such
  const TensorView* operand = nullptr;  // otherwise: the first operand that has one before anything is computed with it
};
// Runs `method` on the inputs that are set, up to its end or first error. Whether NaN or infinite is asked for by `nan`.
NonFinite find_non_finite(Method& method, bool nan);

// Whether a floating tensor has a NaN (an infinity, where `nan` is false).
bool has_non_finite(const TensorView& t, bool nan);

}  // namespace portfire
