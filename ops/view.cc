#include "ops/view.h"

namespace portfire::ops::view {

Error resolve_sizes(const TensorView& x, std::span<const int64_t> sizes, bool sampled, Shape* out) {
  if (sizes.size() > kMaxRank)
    return Error::make(Code::unsupported, "%zu dimensions (expected at most %d)", sizes.size(), kMaxRank);
  Shape s;
  int64_t known = 1;
  int open = -1;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == -1 && open < 0)
      open = static_cast<int>(d);
    else if (sizes[d] < 0 || !checked_multiply(known, sizes[d], &known))
      return Error::make(Code::bad_argument, "size %lld at dim %zu", static_cast<long long>(sizes[d]), d);
    s.push(sizes[d]);
  }
  const int64_t n = x.numel();
  if (open >= 0) {
    if (!sampled && (known == 0 || n % known != 0))
      return Error::make(Code::bad_argument, "%s does not divide into %lld (to find the size -1)", TypeText(x).c_str(),
                         static_cast<long long>(known));
    s.sizes[open] = known ? n / known : 0;
  } else if (!sampled && known != n) {
    return Error::make(Code::bad_argument, "%s as a view of %s (expected %lld elements, got %lld)",
                       TypeText(x.dtype, s).c_str(), TypeText(x).c_str(), static_cast<long long>(n),
                       static_cast<long long>(known));
  }
  *out = s;
  return {};
}

bool view_strides(const TensorView& x, TensorView& out) {
  if (x.numel() == 0 || x.is_contiguous()) {
    out.set_contiguous();
    return true;
  }
  int to = out.rank() - 1;
  for (int d = x.rank() - 1; d >= 0;) {
    if (x.size(d) == 1) {
      --d;
      continue;
    }
    // Dimensions of x that lie densely count as one of `count` elements, `step` apart ...
    const int64_t step = x.strides[d];
    int64_t count = x.size(d);
    for (--d; d >= 0 && (x.size(d) == 1 || x.strides[d] == step * count); --d) count *= x.size(d);
    // ... which some dimensions of the view must fill exactly.
    int64_t filled = 1;
    for (; filled < count; --to) {
      if (to < 0) return false;
      out.strides[to] = step * filled;
      filled *= out.size(to);
    }
    if (filled != count) return false;
  }
  for (; to >= 0; --to) out.strides[to] = to + 1 < out.rank() ? out.strides[to + 1] * out.size(to + 1) : 1;
  return true;
}

Error View::view(const Args& a, TensorView& out) {
  const TensorView& x = a.tensor(0);
  out = x;
  PF_TRY(resolve_sizes(x, a.ints(1), a.context().sampled, &out.shape));
  if (!view_strides(x, out))
    return Error::make(Code::bad_argument, "%s is no view of %s with these strides", TypeText(out).c_str(),
                       TypeText(x).c_str());
  return {};
}

Error ViewDtype::view(const Args& a, TensorView& out) {
  const TensorView& x = a.tensor(0);
  out = x;
  out.dtype = a.dtype(1, x.dtype);
  const int64_t from = static_cast<int64_t>(byte_size(x.dtype)), to = static_cast<int64_t>(byte_size(out.dtype));
  if (from == to) return {};
  const int last = x.rank() - 1;
  if (last < 0 || (x.size(last) != 1 && x.strides[last] != 1))
    return Error::make(Code::bad_argument, "%s viewed as %s (expected a dense last dimension)", TypeText(x).c_str(),
                       name_of(out.dtype));
  bool fits = to < from || x.size(last) % (to / from) == 0;
  out.shape.sizes[last] = x.size(last) * from / to;
  out.strides[last] = 1;
  for (int d = 0; d < last; ++d) {
    fits &= x.size(d) == 1 || to < from || x.strides[d] % (to / from) == 0;
    out.strides[d] = x.strides[d] * from / to;
  }
  if (!fits)
    return Error::make(Code::bad_argument, "%s viewed as %s: widths do not divide", TypeText(x).c_str(),
                       name_of(out.dtype));
  return {};
}

}  // namespace portfire::ops::view
