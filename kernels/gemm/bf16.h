// Products of f32 rows with weights in bf16, sums in f32.
//
// B (K x N) is packed into panels of 16 columns and pairs of k (ops/panels.h): pair p of a panel is 32 numbers, 64 bytes,
// the operand of AVX-512's vdpbf16ps. Where the CPU has that, rows are rounded to bf16 as well (kernels/gemm/pairs.h).
// Elsewhere weights become f32 again, which is exact: for many rows a block of a panel at a time, before the f32 tiles
// run over all rows; for few rows in registers, since reading the weights is what takes the time then.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/gemm.h"

namespace portfire::gemm {

inline constexpr size_t kPairPanel = 16;

struct Bf16Weights {
  const uint16_t* packed;
  std::byte* scratch;  // bf16_scratch_bytes for each thread, 64-byte aligned
  size_t panel = 0;    // numbers from a panel to the next, where that is more than pair_panel_size
  // The product's rows in bf16 where they are rounded already (only with multiplies_bf16()); kReadPast numbers behind each of
  // them can be read.
  const uint16_t* const* rounded = nullptr;
};
inline constexpr size_t kReadPast = 32;
// Of one thread, for products of m rows; a multiple of 64.
size_t bf16_scratch_bytes(size_t m);
// Numbers from a panel to the next.
inline size_t pair_panel_size(size_t k) { return (k + 1) / 2 * 2 * kPairPanel; }

// As the functions of f32, with `packed` of product and gemm unused; p0 and p1 count 32 columns.
void run(const Product& product, const Bf16Weights& weights, size_t p0, size_t p1);
void run_parallel(const Gemm& g, const Bf16Weights& weights, size_t m, ThreadPool* pool);

}  // namespace portfire::gemm
