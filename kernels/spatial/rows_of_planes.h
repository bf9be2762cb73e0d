// Rows of the planes of a volume N, C, D, H, W as numbers of T, and rows of a result back.
#pragma once

#include <cstdint>

#include "core/tensor_view.h"
#include "kernels/pointwise/steps.h"
#include "kernels/thread_pool.h"

namespace portfire::spatial {

template <class T>
constexpr DType kDtype = sizeof(T) == 8 ? DType::f64 : DType::f32;

// f32, f16 and bf16 are computed in float, f64 in double.
inline bool is_taken(DType t) { return t == DType::f32 || t == DType::f64 || t == DType::f16 || t == DType::bf16; }

template <class T>
struct Source {
  const TensorView& x;
  pointwise::LoadFn load;
  bool direct;
  explicit Source(const TensorView& t) : x(t), load(pointwise::load_fn(t.dtype)), direct(t.dtype == kDtype<T> && t.strides[4] == 1) {}
  // A row, in `buffer` where it does not lie in memory like this.
  const T* row(int64_t plane, int64_t d, int64_t h, T* buffer) const {
    const int64_t offset = plane / x.size(1) * x.strides[0] + plane % x.size(1) * x.strides[1] + d * x.strides[2] + h * x.strides[3];
    const std::byte* at = x.as<std::byte>() + offset * static_cast<int64_t>(byte_size(x.dtype));
    if (direct) return reinterpret_cast<const T*>(at);
    load(buffer, at, x.strides[4], static_cast<size_t>(x.size(4)));
    return buffer;
  }
};

template <class T>
struct Sink {
  const TensorView& y;
  pointwise::StoreFn store;
  bool direct;
  explicit Sink(const TensorView& t) : y(t), store(pointwise::store_fn(t.dtype)), direct(t.dtype == kDtype<T> && t.strides[4] == 1) {}
  std::byte* at(int64_t plane, int64_t d, int64_t h) const {
    const int64_t offset = plane / y.size(1) * y.strides[0] + plane % y.size(1) * y.strides[1] + d * y.strides[2] + h * y.strides[3];
    return y.as<std::byte>() + offset * static_cast<int64_t>(byte_size(y.dtype));
  }
  // Where a row is to be written; `done` then brings it to its place.
  T* row(int64_t plane, int64_t d, int64_t h, T* buffer) const { return direct ? reinterpret_cast<T*>(at(plane, d, h)) : buffer; }
  void done(int64_t plane, int64_t d, int64_t h, const T* row) const {
    if (!direct) store(at(plane, d, h), row, y.strides[4], static_cast<size_t>(y.size(4)));
  }
};

// Calls f(plane, d, h, worker) for every row of the result `y`; `work`: operations for each.
template <class F>
void for_rows(const TensorView& y, int64_t work, ThreadPool* pool, F f) {
  const int64_t rows = y.size(0) * y.size(1) * y.size(2) * y.size(3), threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  constexpr int64_t kGrain = 32 << 10;
  const int64_t wanted = static_cast<int64_t>(static_cast<double>(rows) * static_cast<double>(work) / kGrain) + 1;
  const int64_t tasks = threads == 1 ? 1 : wanted < rows ? (wanted < threads * 4 ? wanted : threads * 4) : rows;
  parallel(pool, static_cast<size_t>(rows > 0 ? tasks : 0), [&](size_t t, size_t worker) {
    const auto task = static_cast<int64_t>(t);
    for (int64_t r = rows * task / tasks; r < rows * (task + 1) / tasks; ++r)
      f(r / (y.size(2) * y.size(3)), r / y.size(3) % y.size(2), r % y.size(3), worker);
  });
}

inline int64_t padded(int64_t n) { return (n + 63) / 64 * 64; }

}  // namespace portfire::spatial
