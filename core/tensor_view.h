// What code of ours needs around TensorView.
#pragma once

#include "core/dtype.h"
#include "portfire/tensor.h"

namespace portfire {

// Multiplication of numbers that come from a file; false on overflow.
[[nodiscard]] inline bool checked_multiply(int64_t a, int64_t b, int64_t* out) {
  return !__builtin_mul_overflow(a, b, out);
}

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

// "f32[2,3]" into `buffer` (always terminated); returns `buffer`, for use inside error calls.
struct TypeText {
  char text[160];
  explicit TypeText(const TensorView& t) : TypeText(t.dtype, t.shape) {}
  TypeText(DType dtype, const Shape& shape);
  const char* c_str() const { return text; }
};

}  // namespace portfire
