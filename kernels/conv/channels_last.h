// Planes to channels last.
#pragma once

#include <cstddef>

#include "core/tensor_view.h"
#include "kernels/scratch.h"

namespace portfire {
class ThreadPool;
}

namespace portfire::conv {

// What surrounds each image, and what becomes of it: pixel (h, w) of the input goes to (h + top, w + left) of
// `height` x `width` pixels, where it lies within them; all others are zeros.
struct Frame {
  int64_t top, left, height, width;
};
// x, f32[n, h, w, c] of any strides, to `to`, row-major [n, frame.height, frame.width, c].
void interleave(const TensorView& x, const Frame& frame, float* to, ThreadPool* pool);
inline void interleave(const TensorView& x, float* to, ThreadPool* pool) { interleave(x, {0, 0, x.size(1), x.size(2)}, to, pool); }

// Bytes of so many floats, in whole cache lines.
inline size_t lines_of(int64_t floats) { return whole_lines(static_cast<size_t>(floats) * sizeof(float)); }

// Memory for x, f32 of rank 4, with its channels adjacent: none where they are.
inline size_t adjacent_bytes(const TensorView& x) {
  return x.strides[3] == 1 || x.size(3) == 1 ? 0 : lines_of(x.numel());
}
// x with its channels adjacent; `memory`: adjacent_bytes(x).
TensorView with_adjacent_channels(const TensorView& x, std::byte* memory, ThreadPool* pool);

}  // namespace portfire::conv
