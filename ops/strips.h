// Strips: runs of elements of any dtype, converted to one wide type and back a cache-sized piece at
// a time, so that references are written once, over double, int64_t or complex, and still run at
// the speed of memory. And the walk over the rows of a reduction.
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <type_traits>

#include "core/tensor_view.h"
#include "ops/element.h"

namespace portfire::ops {

using Complex = std::complex<double>;

inline constexpr int64_t kStrip = 256;  // elements; 4 KiB of the widest type

// Element i of `out` is that at offset + i * stride of `view`, converted as load_real, load_int and
// load_complex do.
void load(const TensorView& view, int64_t offset, int64_t stride, int64_t n, double* out);
void load(const TensorView& view, int64_t offset, int64_t stride, int64_t n, int64_t* out);
void load(const TensorView& view, int64_t offset, int64_t stride, int64_t n, Complex* out);
void store(const TensorView& view, int64_t offset, int64_t stride, int64_t n, const double* in);
void store(const TensorView& view, int64_t offset, int64_t stride, int64_t n, const int64_t* in);
void store(const TensorView& view, int64_t offset, int64_t stride, int64_t n, const Complex* in);

inline void store_one(const TensorView& view, int64_t offset, double value) { store(view, offset, 1, 1, &value); }
inline void store_one(const TensorView& view, int64_t offset, int64_t value) { store(view, offset, 1, 1, &value); }
inline void store_one(const TensorView& view, int64_t offset, Complex value) { store(view, offset, 1, 1, &value); }

// Calls f with a value of the wide type in which elements of `t` are computed.
template <class F>
auto with_wide(DType t, F f) {
  if (is_complex(t)) return f(Complex());
  return is_floating(t) ? f(double()) : f(int64_t());
}

// Integers wrap, as ATen's do.
template <class T>
T wrapping_add(T a, T b) {
  if constexpr (std::is_same_v<T, int64_t>)
    return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <class T>
T wrapping_multiply(T a, T b) {
  if constexpr (std::is_same_v<T, int64_t>)
    return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}
// v as `dtype` can hold it.
template <class T>
T rounded(DType dtype, T v) {
  if constexpr (std::is_same_v<T, double>) return round_to(dtype, v);
  if constexpr (std::is_same_v<T, int64_t>) return wrap_to(dtype, v);
  return v;
}

// Does `to` hold less than `from`?
inline bool narrows(DType from, DType to) {
  return from != to &&
         (byte_size(to) < byte_size(from) || to == DType::boolean || to == DType::bf16 || (from == DType::bf16 && to == DType::f16));
}

// The dimensions of `x` parted into kept and reduced ones.
class ReducedRows {
 public:
  // mask[d]: dimension d is reduced.
  ReducedRows(const TensorView& x, const bool* mask);

  int64_t row_length() const { return inner_.numel(); }

  // Calls visit(offset in x, offsets in outs) for each index of the kept dimensions, row-major. The
  // dimensions of each of `outs` (at most two) are those kept, or (keepdim) all.
  template <class F>
  void for_each(std::span<const TensorView> outs, bool keepdim, F visit) const {
    walk(outer_.rank, outs, keepdim, visit);
  }
  template <class F>
  void for_each(const TensorView& out, bool keepdim, F visit) const {
    walk(outer_.rank, {&out, 1}, keepdim, [&](int64_t in, const int64_t* to) { visit(in, to[0]); });
  }

  // Calls f(T* values, n) for pieces of the row at `offset`, in row-major order. They are copies.
  template <class T, class F>
  void strips(const TensorView& x, int64_t offset, F f) const {
    T buffer[kStrip];
    const int last = inner_.rank - 1;
    const int64_t n = last < 0 ? 1 : inner_.sizes[last], stride = last < 0 ? 0 : inner_strides_[last];
    for_inner(last, offset, [&](int64_t at) {
      for (int64_t i = 0; i < n; i += kStrip) {
        const int64_t count = n - i < kStrip ? n - i : kStrip;
        load(x, at + i * stride, stride, count, buffer);
        f(buffer, count);
      }
    });
  }

  // Are rows better walked side by side? Elements next to each other belong to different rows.
  bool side_by_side() const {
    return outer_.rank > 0 && inner_.rank > 0 && outer_strides_[outer_.rank - 1] == 1 &&
           outer_.sizes[outer_.rank - 1] > 1 && inner_strides_[inner_.rank - 1] != 1;
  }
  // Calls visit(offset in x, offset in out, step in out, count) for groups of at most kStrip rows
  // that lie side by side.
  template <class F>
  void for_each_group(const TensorView& out, bool keepdim, F visit) const {
    const int last = outer_.rank - 1;
    const int64_t n = outer_.sizes[last], step = out.strides[keepdim ? source_[last] : last];
    walk(last, {&out, 1}, keepdim, [&](int64_t in, const int64_t* to) {
      for (int64_t i = 0; i < n; i += kStrip) visit(in + i, to[0] + i * step, step, n - i < kStrip ? n - i : kStrip);
    });
  }
  // Calls f(T* values), one value of each row of a group, for each index of the rows.
  template <class T, class F>
  void across(const TensorView& x, int64_t offset, int64_t count, F f) const {
    T buffer[kStrip];
    for_inner(inner_.rank, offset, [&](int64_t at) {
      load(x, at, 1, count, buffer);
      f(buffer);
    });
  }

 private:
  template <class F>
  void walk(int dims, std::span<const TensorView> outs, bool keepdim, F visit) const {
    if (outer_.numel() == 0) return;
    int64_t at[kMaxRank] = {}, in = 0, to[2] = {}, out_strides[2][kMaxRank];
    for (size_t o = 0; o < outs.size(); ++o)
      for (int d = 0; d < dims; ++d) out_strides[o][d] = outs[o].strides[keepdim ? source_[d] : d];
    const auto move = [&](int d, int64_t steps) {
      in += steps * outer_strides_[d];
      for (size_t o = 0; o < outs.size(); ++o) to[o] += steps * out_strides[o][d];
    };
    for (;;) {
      visit(in, to);
      int d = dims - 1;
      for (; d >= 0; --d) {
        move(d, 1);
        if (++at[d] < outer_.sizes[d]) break;
        move(d, -at[d]);
        at[d] = 0;
      }
      if (d < 0) return;
    }
  }
  // Calls visit(offset in x) for each index of the first `dims` reduced dimensions.
  template <class F>
  void for_inner(int dims, int64_t offset, F visit) const {
    if (inner_.numel() == 0) return;
    int64_t at[kMaxRank] = {};
    for (;;) {
      visit(offset);
      int d = dims - 1;
      for (; d >= 0; --d) {
        offset += inner_strides_[d];
        if (++at[d] < inner_.sizes[d]) break;
        offset -= at[d] * inner_strides_[d];
        at[d] = 0;
      }
      if (d < 0) return;
    }
  }

  Shape outer_, inner_;  // neighbouring reduced dimensions are one where their strides allow it
  int64_t outer_strides_[kMaxRank], inner_strides_[kMaxRank];
  int source_[kMaxRank];  // of outer dimensions in x
};

}  // namespace portfire::ops
