#include "ops/strided.h"

namespace portfire::ops::strided {
namespace {

// Offset of the last element from the first, in elements; false where strides are negative or overflow.
bool span_of(const TensorView& t, int64_t* out) {
  int64_t last = 0;
  for (int d = 0; d < t.rank(); ++d) {
    int64_t part;
    if (t.strides[d] < 0 || !checked_multiply(t.size(d) - 1, t.strides[d], &part) ||
        __builtin_add_overflow(last, part, &last))
      return false;
  }
  *out = last;
  return true;
}

}  // namespace

Error AsStrided::view(const Args& a, TensorView& out) {
  const TensorView& x = a.tensor(0);
  const auto sizes = a.ints(1), strides = a.ints(2);
  if (sizes.size() != strides.size() || sizes.size() > kMaxRank)
    return Error::make(Code::bad_argument, "%zu sizes and %zu strides", sizes.size(), strides.size());
  out = x;
  out.shape = Shape();
  bool empty = false;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] < 0) return Error::make(Code::bad_argument, "size %lld", static_cast<long long>(sizes[d]));
    empty |= sizes[d] == 0;
    out.strides[d] = strides[d];
    out.shape.push(sizes[d]);
  }
  const int64_t offset = a.integer(3, 0);
  int64_t have = 0, want = 0;
  if (empty) return {};
  if (offset < 0 || x.numel() == 0 || !span_of(x, &have) || !span_of(out, &want) || want > have - offset)
    return Error::make(Code::bad_argument, "%s from %lld on leaves the storage of %s", TypeText(out).c_str(),
                       static_cast<long long>(offset), TypeText(x).c_str());
  out = shifted(out, offset);
  return {};
}

Error Diagonal::view(const Args& a, TensorView& out) {
  const TensorView& x = a.tensor(0);
  int d1, d2;
  PF_TRY(wrap_dim(a.integer(2), x.rank(), &d1));
  PF_TRY(wrap_dim(a.integer(3), x.rank(), &d2));
  if (d1 == d2) return Error::make(Code::bad_argument, "dim1 and dim2 are both %d", d1);
  const int64_t offset = a.integer(1), down = offset < 0 ? -offset : 0, right = offset > 0 ? offset : 0;
  const int64_t rows = x.size(d1) - down, columns = x.size(d2) - right, n = rows < columns ? rows : columns;
  out = shifted(x, n > 0 ? down * x.strides[d1] + right * x.strides[d2] : 0);
  out.shape = Shape();
  for (int d = 0; d < x.rank(); ++d) {
    if (d == d1 || d == d2) continue;
    out.strides[out.rank()] = x.strides[d];
    out.shape.push(x.size(d));
  }
  out.strides[out.rank()] = x.strides[d1] + x.strides[d2];
  out.shape.push(n > 0 ? n : 0);
  return {};
}

Error Unfold::view(const Args& a, TensorView& out) {
  const TensorView& x = a.tensor(0);
  int d;
  PF_TRY(wrap_dim(a.integer(1), x.rank(), &d));
  if (x.rank() >= kMaxRank) return Error::make(Code::unsupported, "more than %d dimensions", kMaxRank);
  const int64_t n = x.rank() ? x.size(d) : 1, size = a.integer(2), step = a.integer(3);
  if (size < 0 || size > n || step <= 0)
    return Error::make(Code::bad_argument, "windows of %lld every %lld at dim %d of %s", static_cast<long long>(size),
                       static_cast<long long>(step), d, TypeText(x).c_str());
  out = x;
  const int64_t stride = x.rank() ? x.strides[d] : 1;
  if (x.rank()) {
    out.shape.sizes[d] = (n - size) / step + 1;
    out.strides[d] = stride * step;
  }
  out.strides[out.rank()] = stride;
  out.shape.push(size);
  return {};
}

}  // namespace portfire::ops::strided
