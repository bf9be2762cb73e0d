// Rows of a matrix folded into one row of totals, for each ISA.
#pragma once

#include "core/dtype.h"
#include "kernels/reduce/folds.h"

namespace portfire::reduce {

// Of fewer columns there is no such loop.
inline constexpr int64_t kColumns = 16;

// totals[i] = fold(... fold(totals[i], x[i]), x[step + i] ...) of `count` rows that begin `step` elements after each
// other, n >= kColumns elements of each; about[i] goes with totals[i]. No others of x are touched, of totals and
// about those to the next multiple of 64.
template <class T>
using ColumnsFn = void (*)(T* totals, const void* x, int64_t step, size_t count, size_t n, const T* about);

// For elements of `stored`. T: float, double, int64_t; null where there is none.
template <class T>
ColumnsFn<T> columns_fn(Fold fold, DType stored);

}  // namespace portfire::reduce
