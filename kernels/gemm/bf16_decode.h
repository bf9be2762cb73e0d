// bf16 weights as f32, for every ISA.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portfire::gemm {

// Rows [k0, k1) of a panel of 16 columns; row k0 + i goes to to[i * kPanel].
using DecodeFn = void (*)(const uint16_t* panel, size_t k0, size_t k1, float* to);
DecodeFn decode_fn();

// The plain sums of up to 4 rows and a few columns. Vectors beyond the last column repeat the last one.
struct FewRows {
  size_t m, k, column, columns;  // columns [column, column + columns), at most few_columns(m)
  const float* const* rows;
  const uint16_t* packed;
  float* sums;  // row i at sums + i * kFewColumns
};
inline constexpr size_t kFewRows = 4, kFewColumns = 128;
using FewRowsFn = void (*)(const FewRows&);
FewRowsFn few_rows_fn();
// How many columns it takes for each count of rows.
size_t few_columns(size_t m);

}  // namespace portfire::gemm
