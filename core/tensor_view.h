// What code of ours needs around TensorView.
#pragma once

#include "core/dtype.h"
#include "portfire/tensor.h"

namespace portfire {

// Multiplication of numbers that come from a file; false on overflow.
[[nodiscard]] inline bool checked_multiply(int64_t a, int64_t b, int64_t* out) {
  return !__builtin_mul_overflow(a, b, out);
}

// "f32[2,3]" into `buffer` (always terminated); returns `buffer`, for use inside error calls.
struct TypeText {
  char text[160];
  explicit TypeText(const TensorView& t) : TypeText(t.dtype, t.shape) {}
  TypeText(DType dtype, const Shape& shape);
  const char* c_str() const { return text; }
};

}  // namespace portfire
