#include "ops/creation.h"

namespace portfire::ops::creation {

Error sizes_of(std::span<const int64_t> list, Shape* out) {
  if (list.size() > kMaxRank)
    return Error::make(Code::unsupported, "%zu dimensions (expected at most %d)", list.size(), kMaxRank);
  *out = Shape();
  for (int64_t n : list) {
    if (n < 0) return Error::make(Code::bad_argument, "size %lld", static_cast<long long>(n));
    out->push(n);
  }
  return {};
}

void fill_with(const TensorView& to, const Scalar& value) {
  if (value.is_real())
    fill_view(to, value.d);
  else
    fill_view(to, value.i);
}

}  // namespace portfire::ops::creation
