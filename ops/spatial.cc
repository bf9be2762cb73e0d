#include "ops/spatial.h"

namespace portfire::ops {

TensorView as_volume(const TensorView& t, int spatial) {
  TensorView v = t;
  v.shape.rank = 2 + kVolumeDims;
  for (int d = 0; d < v.rank(); ++d) {
    // Dimension d of the volume, counted from the back; absent spatial ones lie between C and them.
    const int back = v.rank() - d;
    const int from = back <= kVolumeDims ? (back <= spatial ? t.rank() - back : -1)
                                         : t.rank() - spatial - (back - kVolumeDims);
    v.shape.sizes[d] = from < 0 ? 1 : t.size(from);
    v.strides[d] = from < 0 ? 0 : t.strides[from];
  }
  return v;
}

Error volume_ints(const char* what, std::span<const int64_t> list, int spatial, int64_t if_empty,
                  int64_t absent, int64_t* out) {
  const int n = static_cast<int>(list.size());
  if (n > 1 && n != spatial)
    return Error::make(Code::bad_argument, "%s has %d items (expected 1 or %d)", what, n, spatial);
  for (int d = 0; d < kVolumeDims; ++d) {
    const int i = d - (kVolumeDims - spatial);
    out[d] = i < 0 ? absent : n == 0 ? if_empty : list[n == 1 ? 0 : i];
  }
  return {};
}

Error Window::positions(int d, int64_t n, int64_t* out) const {
  const int64_t reach = dilation[d] * (kernel[d] - 1) + 1, padded = n + 2 * padding[d];
  if (kernel[d] < 1 || stride[d] < 1 || dilation[d] < 1 || padding[d] < 0 ||
      padding[d] > reach / 2)
    return Error::make(
        Code::bad_argument,
        "kernel %lld, stride %lld, dilation %lld (expected 1 or more) or padding %lld "
        "(expected at most half the kernel)",
        static_cast<long long>(kernel[d]), static_cast<long long>(stride[d]),
        static_cast<long long>(dilation[d]), static_cast<long long>(padding[d]));
  *out = floor_divide(padded - reach + (ceil_mode ? stride[d] - 1 : 0), stride[d]) + 1;
  // The last window of ceil mode must start inside the input or its padding on the left.
  if (ceil_mode && (*out - 1) * stride[d] >= n + padding[d]) --*out;
  if (*out < 1 || n < 1)
    return Error::make(Code::bad_argument,
                       "window of %lld over %lld (expected at most the padded size)",
                       static_cast<long long>(reach), static_cast<long long>(padded));
  return {};
}

Range Window::range(int d, int64_t o, int64_t n) const {
  Range r{o * stride[d] - padding[d], 0, dilation[d]};
  const int64_t end = r.begin + (kernel[d] - 1) * dilation[d] + 1;
  r.end = end < n ? end : n;
  if (r.begin < 0) r.begin += ceil_divide(-r.begin, r.step) * r.step;
  return r;
}

}  // namespace portfire::ops
