// Shape and TensorView: a tensor without ownership. Sizes and strides count elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/dtype.h"

namespace portfire {

inline constexpr int kMaxRank = 12;

// Multiplication of numbers that come from a file; false on overflow.
[[nodiscard]] inline bool checked_multiply(int64_t a, int64_t b, int64_t* out) {
  return !__builtin_mul_overflow(a, b, out);
}

struct Shape {
  int rank = 0;
  int64_t sizes[kMaxRank] = {};

  std::span<const int64_t> dims() const { return {sizes, static_cast<size_t>(rank)}; }
  int64_t numel() const {
    int64_t n = 1;
    for (int64_t s : dims()) n *= s;
    return n;
  }
  void push(int64_t size) { sizes[rank++] = size; }  // the caller checks rank < kMaxRank
  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank != b.rank) return false;
    for (int d = 0; d < a.rank; ++d)
      if (a.sizes[d] != b.sizes[d]) return false;
    return true;
  }
};

// Bytes of a dense tensor whose sizes come from a file or a caller. False where a size is negative, or the
// sizes overflow even with those of 0 left out: then strides would.
[[nodiscard]] inline bool checked_bytes(DType dtype, const Shape& shape, int64_t* bytes) {
  int64_t n = static_cast<int64_t>(byte_size(dtype));
  bool empty = false;
  for (int64_t s : shape.dims()) {
    empty |= s == 0;
    if (s < 0 || !checked_multiply(n, s == 0 ? 1 : s, &n)) return false;
  }
  *bytes = empty ? 0 : n;
  return true;
}

struct TensorView {
  void* data = nullptr;  // element [0,...,0]; null where only the type is known (shape inference)
  DType dtype = DType::f32;
  Shape shape;
  int64_t strides[kMaxRank] = {};

  int rank() const { return shape.rank; }
  int64_t size(int d) const { return shape.sizes[d]; }
  int64_t numel() const { return shape.numel(); }
  size_t bytes() const { return static_cast<size_t>(numel()) * byte_size(dtype); }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }

  // Row-major strides for the present sizes.
  void set_contiguous() {
    int64_t stride = 1;
    for (int d = rank() - 1; d >= 0; --d) {
      strides[d] = stride;
      stride *= size(d) > 0 ? size(d) : 1;
    }
  }
  // Dimensions of size 1 may have any stride.
  bool is_contiguous() const {
    int64_t stride = 1;
    for (int d = rank() - 1; d >= 0; --d) {
      if (size(d) == 0) return true;
      if (size(d) != 1 && strides[d] != stride) return false;
      stride *= size(d);
    }
    return true;
  }
};

// "f32[2,3]" into `buffer` (always terminated); returns `buffer`, for use inside error calls.
struct TypeText {
  char text[160];
  explicit TypeText(const TensorView& t) : TypeText(t.dtype, t.shape) {}
  TypeText(DType dtype, const Shape& shape);
  const char* c_str() const { return text; }
};

}  // namespace portfire
