// What a call of an operator of quantize.h or dequantize.h means: read from its arguments by the operators and by their kernels.
#pragma once

#include "ops/affine_blocks.h"
#include "ops/op.h"

namespace portfire::ops {

struct AffineCall {
  Blocks blocks = Blocks::whole();
  const TensorView* scales = nullptr;  // null: of one block, `scale` and `zero_point`
  const TensorView* zero_points = nullptr;  // null: 0
  double scale = 0;
  int64_t zero_point = 0;
  int64_t low = 0, high = 0;  // quant_min, quant_max
  DType dtype = DType::f32;  // of the integers
  DType to = DType::f32;     // of the result of dequantizing

  double scale_of(int64_t block) const { return scales ? parameter(*scales, block) : scale; }
  double zero_point_of(int64_t block) const {
    return zero_points ? parameter(*zero_points, block) : scales ? 0.0 : static_cast<double>(zero_point);
  }
};

// A dimension of `x` that has parameters of its own, from [-rank, rank).
inline Error blocks_along(const TensorView& x, int64_t axis, Blocks* out) {
  int d;
  if (x.rank() == 0) return Error::make(Code::bad_argument, "a rank-0 tensor has no channels");
  PF_TRY(wrap_dim(axis, x.rank(), &d));
  *out = Blocks::along(x, d);
  return {};
}

// Groups of `size` elements within the rows of a matrix. Where there is one parameter a row, the group is the row.
inline Error groups_of(const TensorView& x, const TensorView& scales, int64_t size, Blocks* out) {
  if (x.rank() != 2) return Error::make(Code::bad_argument, "groups in %s (expected a matrix)", TypeText(x).c_str());
  if (size > x.size(1) && scales.rank() > 0 && scales.size(scales.rank() - 1) == 1) size = x.size(1);
  const int64_t sizes[] = {1, size};
  return Blocks::tiles(x, sizes, out);
}

// An operator by its `read` and by what its file does with a call: `check` its arguments for the result's type, `store` the result.
#define PF_AFFINE_OPERATOR(type)                                     \
  Error type::infer(const Args& a, std::span<TensorSpec> outs) {     \
    AffineCall c;                                                    \
    PF_TRY(read(a, &c));                                             \
    return check(a, c, &outs[0]);                                    \
  }                                                                  \
  Error type::reference(const Args& a, std::span<TensorView> outs) { \
    AffineCall c;                                                    \
    PF_TRY(read(a, &c));                                             \
    return store(a, c, outs[0]);                                     \
  }

}  // namespace portfire::ops
