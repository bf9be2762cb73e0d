// Elements moved unchanged between two ways of lying in memory.
#pragma once

#include "core/tensor_view.h"
#include "kernels/thread_pool.h"

namespace portfire::copy {

// Copies `from`, which broadcasts to the shape of `to` and has its dtype. Strides may be any, zero and
// negative ones of `from` too. They must not overlap, unless they are the same.
void copy(const TensorView& to, const TensorView& from, ThreadPool* pool);

// A row-major copy of `from` at `memory`.
TensorView contiguous_copy(const TensorView& from, void* memory, ThreadPool* pool);
// `t` where it is row-major, else a copy of it at `*memory`, which moves behind the contiguous_bytes(t).
size_t contiguous_bytes(const TensorView& t);
TensorView contiguous(const TensorView& t, std::byte** memory, ThreadPool* pool);

// Sets every element to the one at `value`, of the dtype of `to`.
void fill(const TensorView& to, const void* value, ThreadPool* pool);

// to[r * to_stride + c] = from[c * from_stride + r] for r < rows, c < columns, elements of 2, 4 or 8
// bytes.
void transpose(void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t rows, int64_t columns, size_t element);
// to[i] = last[-i] for i < n, elements of 1, 2, 4 or 8 bytes.
void reverse(void* to, const void* last, int64_t n, size_t element);

}  // namespace portfire::copy
