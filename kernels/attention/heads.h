// Operands of attention: [batch, heads, rows, columns], without the first or the first two where their rank is less.
#pragma once

#include "core/tensor_view.h"

namespace portfire::attention {

// Stride of dimension `d` of the 4; 0 where it is missing or of size 1.
inline int64_t stride(const TensorView& t, int d) {
  const int k = d - (4 - t.rank());
  return k < 0 || t.size(k) == 1 ? 0 : t.strides[k];
}
inline int64_t size(const TensorView& t, int d) {
  const int k = d - (4 - t.rank());
  return k < 0 ? 1 : t.size(k);
}
inline bool unit_columns(const TensorView& t) { return t.size(t.rank() - 1) == 1 || t.strides[t.rank() - 1] == 1; }

}  // namespace portfire::attention
