// Planes to channels last: x, f32[n, h, w, c] of any strides, to `to`, row-major, a row of an image at a time.
#pragma once

#include "core/tensor_view.h"

namespace portfire {
class ThreadPool;
}

namespace portfire::conv {

void interleave(const TensorView& x, float* to, ThreadPool* pool);

}  // namespace portfire::conv
