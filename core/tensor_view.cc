#include "core/tensor_view.h"

#include <cstdio>

namespace portfire {

TypeText::TypeText(DType dtype, const Shape& shape) {
  size_t at = static_cast<size_t>(snprintf(text, sizeof text, "%s[", name_of(dtype)));
  for (int d = 0; d < shape.rank && at + 24 < sizeof text; ++d)
    at += static_cast<size_t>(snprintf(text + at, sizeof text - at, d ? ",%lld" : "%lld",
                                       static_cast<long long>(shape.sizes[d])));
  snprintf(text + at, sizeof text - at, "]");
}

}  // namespace portfire
