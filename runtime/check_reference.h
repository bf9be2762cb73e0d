// PORTFIRE_CHECK_REFERENCE: what a kernel gave against what its operator's reference gives.
#pragma once

#include "core/error.h"
#include "core/tensor_view.h"

namespace portfire {

// Code::failed where `got` differs from `expected` (of the same dtype and sizes) by more than a kernel may
// in its order of summation: relative to the largest magnitude, by the precision of the dtype, or of `computed_in`
// where that has less. NaN and infinities must stand in the same places; integers and booleans must be equal.
Error compare_with_reference(const TensorView& got, const TensorView& expected, DType computed_in);
inline Error compare_with_reference(const TensorView& got, const TensorView& expected) { return compare_with_reference(got, expected, got.dtype); }

}  // namespace portfire
