// One row times packed weights, for every ISA.
#include "kernels/gemm/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/row.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/gemm/epilogue-inl.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

using gemm::kPanel;
using gemm::Row;

#define PF_ROW_SUMS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

// One row times one panel, or eight vectors of it, read from its first number to its last: eight sums, of a few k where vectors
// are wide, since an addition waits for the one before.
HWY_INLINE void row_panel(const Row& r, const float* panel, size_t column) {
  const TileTag d;
  const size_t lanes = hn::Lanes(d), vectors = HWY_MIN(8, kPanel / lanes), steps = 8 / vectors;
#define PF_DECLARE(i)            \
  TileVec c##i = hn::Zero(d);    \
  const float* HWY_RESTRICT b##i = panel + i / vectors * kPanel + i % vectors * lanes;
  PF_ROW_SUMS(PF_DECLARE)
#undef PF_DECLARE
  size_t k = 0;
#define PF_STEP(i) c##i = hn::MulAdd(hn::Set(d, r.a[k + i / vectors]), hn::LoadU(d, b##i + k * kPanel), c##i);
  for (; k + steps <= r.k; k += steps) {
    PF_ROW_SUMS(PF_STEP)
  }
#undef PF_STEP
#define PF_STEP(i) \
  if (i < vectors) c##i = hn::MulAdd(hn::Set(d, r.a[k]), hn::LoadU(d, b##i + k * kPanel), c##i);
  for (; k < r.k; ++k) {
    PF_ROW_SUMS(PF_STEP)
  }
#undef PF_STEP
  if (vectors <= 4) {
    c0 = hn::Add(c0, c4);
    c1 = hn::Add(c1, c5);
    c2 = hn::Add(c2, c6);
    c3 = hn::Add(c3, c7);
  }
  if (vectors <= 2) {
    c0 = hn::Add(c0, c2);
    c1 = hn::Add(c1, c3);
  }
  const Epilogue& e = r.epilogue;
  const Bounds bounds(e);
#define PF_STORE(i)                                                                             \
  if (i < vectors && column + i * lanes < r.n) {                                                \
    const size_t at = column + i * lanes, count = r.n - at;                                     \
    if (e.bias) c##i = hn::Add(c##i, load_some(e.bias + at, count));                             \
    if (e.residual) c##i = hn::Add(c##i, load_some(e.residual + at, count));                     \
    store_some(bounded(c##i, bounds), r.c + at, count);                                         \
  }
  PF_ROW_SUMS(PF_STORE)
#undef PF_STORE
}

void run_row(const Row& row) {
  const size_t step = HWY_MIN(kPanel, 8 * hn::Lanes(TileTag()));
  for (size_t column = 0; column < row.n; column += step) row_panel(row, row.b + column / kPanel * kPanel * row.k + column % kPanel, column);
  if (needs_finish(row.epilogue))
    finish({row.c, 1, row.n, row.n}, row.epilogue.activation);
}

gemm::RowFn get_row() { return &run_row; }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(get_row);
namespace gemm {
RowFn row_fn() { return HWY_DYNAMIC_DISPATCH(get_row)(); }
}  // namespace gemm
}  // namespace portfire
#endif
