// Affine quantization, x = (q - zero_point) * scale, where each block of a tensor has a scale and a zero point of its own.
// What the operators of quantize.h, choose_qparams.h and torchao.h share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/error.h"
#include "core/tensor_view.h"
#include "ops/element.h"
#include "ops/reader.h"

namespace portfire::ops {

// Blocks tile a tensor, `size[d]` elements along dimension d. Their parameters are numbered row-major: `step[d]` from one
// block to the next along d.
struct Blocks {
  int64_t size[kMaxRank], step[kMaxRank] = {}, count = 1;

  static Blocks whole() {  // one block
    Blocks b;
    std::fill_n(b.size, kMaxRank, INT64_MAX);
    return b;
  }
  static Blocks along(const TensorView& x, int axis) {  // a block for each index of `axis`
    Blocks b = whole();
    b.size[axis] = 1;
    b.step[axis] = 1;
    b.count = x.size(axis);
    return b;
  }
  static Blocks rows(const TensorView& x) {  // a block for each row of the last dimension
    Blocks b = whole();
    for (int d = x.rank() - 2; d >= 0; --d) {
      b.size[d] = 1;
      b.step[d] = b.count;
      b.count *= x.size(d);
    }
    return b;
  }
  // `sizes` for each dimension; each has to divide the tensor's.
  static Error tiles(const TensorView& x, std::span<const int64_t> sizes, Blocks* out);
};

// Calls f(offset in x, offset in y, length, number of the block) for runs along the last dimension that lie in one block.
template <class F>
void for_each_run(const TensorView& x, const TensorView& y, const Blocks& b, F f) {
  const int last = x.rank() - 1;
  if (last < 0) return f(int64_t{0}, int64_t{0}, int64_t{1}, int64_t{0});
  const int64_t n = x.size(last), run = b.size[last];
  Shape outer = x.shape;
  outer.sizes[last] = n > 0;
  for (Index at(outer); at.valid(); at.next()) {
    int64_t from = 0, to = 0, block = 0;
    for (int d = 0; d < last; ++d) {
      from += at[d] * x.strides[d];
      to += at[d] * y.strides[d];
      block += at[d] / b.size[d] * b.step[d];
    }
    for (int64_t j = 0; j < n; j += std::min(run, n - j))
      f(from + j * x.strides[last], to + j * y.strides[last], std::min(run, n - j), block + j / run * b.step[last]);
  }
}

// The parameters of block `n`: elements of a tensor counted row-major.
inline double parameter(const TensorView& t, int64_t n) { return load_real(t, leading_offset(t, t.rank(), n)); }

// Whether a tensor holds `count` parameters, of floating dtype where they are scales.
Error check_scales(const TensorView& t, int64_t count);
Error check_zero_points(const TensorView& t, int64_t count);

// The integers of a dtype that numbers are quantized to: u8, i8, i16, u16, i32. False for others.
bool quantized_range(DType dtype, int64_t* low, int64_t* high);

// `q` is not rounded any more; what is too large becomes the largest, and NaN the smallest.
inline int64_t clamped(double q, int64_t low, int64_t high) {
  if (!(q > static_cast<double>(low))) return std::min(low, high);
  return q >= static_cast<double>(high) ? high : static_cast<int64_t>(q);
}

}  // namespace portfire::ops
