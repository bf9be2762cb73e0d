// Readers of elements for references whose inner loops would otherwise decide on the dtype at each
// element: reals come as double, integers and bool as int64_t, so sums are made wide.
#pragma once

#include <cstddef>
#include <type_traits>

#include "ops/element.h"

namespace portfire::ops {

struct F32Reader {
  using Sum = double;
  const float* data;
  explicit F32Reader(const TensorView& t) : data(t.as<float>()) {}
  double operator[](int64_t offset) const { return data[offset]; }
};
struct RealReader {
  using Sum = double;
  const TensorView* view;
  explicit RealReader(const TensorView& t) : view(&t) {}
  double operator[](int64_t offset) const { return load_real(*view, offset); }
};
struct IntReader {
  using Sum = int64_t;
  const TensorView* view;
  explicit IntReader(const TensorView& t) : view(&t) {}
  int64_t operator[](int64_t offset) const { return load_int(*view, offset); }
};

// Calls f(std::type_identity<Reader>()) with the reader that suits `dtype`.
template <class F>
auto with_reader(DType dtype, F f) {
  if (dtype == DType::f32) return f(std::type_identity<F32Reader>());
  if (is_floating(dtype)) return f(std::type_identity<RealReader>());
  return f(std::type_identity<IntReader>());
}

inline void store_sum(const TensorView& t, int64_t offset, double sum) {
  t.dtype == DType::f32 ? void(t.as<float>()[offset] = static_cast<float>(sum))
                        : store_real(t, offset, sum);
}
inline void store_sum(const TensorView& t, int64_t offset, int64_t sum) {
  store_int(t, offset, sum);
}

// Sum of a[i * a_step] * b[i * b_step].
template <class Reader>
typename Reader::Sum dot(const Reader& a, int64_t a_at, int64_t a_step, const Reader& b,
                         int64_t b_at, int64_t b_step, int64_t count) {
  typename Reader::Sum sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += a[a_at + i * a_step] * b[b_at + i * b_step];
  return sum;
}

// Offset of the `n`-th element, counted row-major over the first `dims` dimensions of `t`.
inline int64_t leading_offset(const TensorView& t, int dims, int64_t n) {
  int64_t offset = 0;
  for (int d = dims - 1; d >= 0; --d) {
    offset += n % t.size(d) * t.strides[d];
    n /= t.size(d);
  }
  return offset;
}
// Product of the first `dims` sizes.
inline int64_t leading_count(const TensorView& t, int dims) {
  int64_t n = 1;
  for (int d = 0; d < dims; ++d) n *= t.size(d);
  return n;
}

// The view of the dimensions after the first `dims`, at the `n`-th index of those.
inline TensorView item(const TensorView& t, int dims, int64_t n) {
  TensorView v;
  v.dtype = t.dtype;
  v.data =
      t.as<std::byte>() + leading_offset(t, dims, n) * static_cast<int64_t>(byte_size(t.dtype));
  for (int d = dims; d < t.rank(); ++d) {
    v.strides[v.rank()] = t.strides[d];
    v.shape.push(t.size(d));
  }
  return v;
}

// Visits the elements of views of one shape together, row-major: f(offsets), one for each view.
template <class F, class... View>
void walk(F f, const TensorView& first, const View&... rest) {
  const TensorView* const views[] = {&first, &rest...};
  constexpr size_t kViews = 1 + sizeof...(rest);
  int64_t at[kMaxRank] = {}, offsets[kViews] = {};
  const int last = first.rank() - 1;
  if (first.numel() == 0) return;
  if (last < 0) return f(offsets);
  for (;;) {
    for (int64_t i = 0; i < first.size(last); ++i) {
      f(offsets);
      for (size_t v = 0; v < kViews; ++v) offsets[v] += views[v]->strides[last];
    }
    // Step back over the row just walked, then on to the next one.
    for (size_t v = 0; v < kViews; ++v) offsets[v] -= first.size(last) * views[v]->strides[last];
    int d = last - 1;
    for (; d >= 0; --d) {
      for (size_t v = 0; v < kViews; ++v) offsets[v] += views[v]->strides[d];
      if (++at[d] < first.size(d)) break;
      for (size_t v = 0; v < kViews; ++v) offsets[v] -= first.size(d) * views[v]->strides[d];
      at[d] = 0;
    }
    if (d < 0) return;
  }
}

}  // namespace portfire::ops
