// Tensors of any layout into row-major order.
#pragma once

#include <cstddef>

#include "core/tensor_view.h"

namespace portfire::import {

// The elements of `from`, in row-major order, to `to`, which has room for from.bytes().
void copy_row_major(const TensorView& from, std::byte* to);

}  // namespace portfire::import
