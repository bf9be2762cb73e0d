// What convolution, pooling and resampling share: tensors of one to three spatial dimensions, all
// handled as volumes N, C, D, H, W whose absent dimensions have size 1.
#pragma once

#include "core/error.h"
#include "core/tensor_view.h"
#include "ops/op.h"

namespace portfire::ops {

inline constexpr int kVolumeDims = 3;

// The last `spatial` dimensions of `t` as D, H, W and the one or two before them as N, C.
TensorView as_volume(const TensorView& t, int spatial);

// A list of integers, one for each of `spatial` dimensions (one item stands for all; an empty list
// gives `if_empty`), as three for D, H, W; absent dimensions get `absent`.
Error volume_ints(const char* what, std::span<const int64_t> list, int spatial, int64_t if_empty,
                  int64_t absent, int64_t* out);

// Indices begin, begin + step, ... below end of an input along one dimension.
struct Range {
  int64_t begin, end, step;
};

// A pooling window and where it moves.
struct Window {
  int spatial = 2;
  int64_t kernel[kVolumeDims], stride[kVolumeDims], padding[kVolumeDims], dilation[kVolumeDims];
  bool ceil_mode = false;

  // Number of positions along dimension d over an input of size `n`.
  Error positions(int d, int64_t n, int64_t* out) const;
  // What position `o` covers of an input of size `n`.
  Range range(int d, int64_t o, int64_t n) const;
};
// The window of output `o` in adaptive pooling from `n` to `outs` values.
inline Range adaptive_range(int64_t o, int64_t n, int64_t outs) {
  return {o * n / outs, ((o + 1) * n + outs - 1) / outs, 1};
}

// Rounds down, for any sign of a; b > 0.
inline int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }
inline int64_t ceil_divide(int64_t a, int64_t b) { return -floor_divide(-a, b); }

}  // namespace portfire::ops
