// The dimensions of a reduction, and which of them its loops run along.
#pragma once

#include <cstdint>

#include "core/tensor_view.h"

namespace portfire::reduce {

struct Dims {
  int rank = 0;
  int64_t sizes[kMaxRank], in[kMaxRank], out[kMaxRank];  // strides of the input and the result

  void push(int64_t size, int64_t in_stride, int64_t out_stride);
  int64_t count() const;
  // Removes dimension `d`.
  void take(int d);
  // Offsets of the n-th index, row-major.
  int64_t in_offset(int64_t n) const;
  int64_t out_offset(int64_t n) const;
};

// Calls f(offset in the input) for every index.
template <class F>
void for_each(const Dims& d, F f) {
  int64_t at[kMaxRank] = {}, offset = 0;
  for (;;) {
    f(offset);
    int k = d.rank - 1;
    for (; k >= 0; --k) {
      offset += d.in[k];
      if (++at[k] < d.sizes[k]) break;
      offset -= at[k] * d.in[k];
      at[k] = 0;
    }
    if (k < 0) return;
  }
}

// One loop runs along `inner`, a dimension of the input's smallest steps where it can: reduced, it folds
// a run into one total; kept, it folds runs into totals side by side.
struct Walk {
  Dims kept, reduced;  // without the inner one
  bool inner_reduced = false;
  int64_t inner = 1, inner_in = 1, inner_out = 1;
  int64_t row_length = 1;  // elements for each result

  // mask[d]: dimension d is reduced. `out` has the kept dimensions, or (keepdim) all.
  Walk() = default;
  Walk(const TensorView& x, const bool* mask, const TensorView& out, bool keepdim);
};

}  // namespace portfire::reduce
