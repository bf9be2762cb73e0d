// Products of bf16 pairs: c += a[k] b[k] + a[k + 1] b[k + 1], for CPUs that have an instruction for it.
//
// Rows of A are rounded to bf16 a block of k at a time and lie kPairStride apart, or come in bf16 at equal distances: a tile
// finds all its rows from one pointer. A tile of 12 x 2 vectors of C, 2 of B and a broadcast pair of A use 27 of 32 registers; a block of two
// panels is 32 KiB, that of A for 192 rows some 200 KiB: for L1 and L2.
#pragma once

#include "kernels/gemm/bf16.h"

namespace portfire::gemm {

inline constexpr size_t kPairRows = 12, kPairDepth = 512, kPairStride = kPairDepth + 32;

// A strip of C of up to two panels, cut into tiles of at most kPairRows rows, or one block of k of it; or one row of up to
// eight panels. With each of the pairs of each tile of two panels the memory at `ahead` and b_step numbers further is
// fetched, which moves by ahead_step bytes.
struct PairTile {
  size_t m, n, pairs;
  const uint16_t* a;  // row i from a + i * a_step on
  size_t a_step;
  const uint16_t* b;  // the first pair, of the first panel
  size_t b_step;      // numbers from a panel to the next
  float* c;
  size_t ldc;
  bool first, last;   // of the blocks of k, as in Tile
  Epilogue epilogue;  // of the strip's first column and row
  const std::byte* ahead;
  size_t ahead_step;
};

// What the drivers need of an instruction set. Sums, bounds and storing are of f32.
struct PairUnit {
  // Other activations than relu and clamp are left to do.
  void (*strip)(const PairTile&);
  // To bf16, to nearest even.
  void (*round)(const float* from, size_t n, uint16_t* to);
  // Numbers [skip, skip + k) of m rows to rows that lie kPairStride apart; up to 31 more are read and written behind each.
  void (*gather)(const uint16_t* const* rows, size_t m, size_t skip, size_t k, uint16_t* to);
  // Rows of B to a pair of each panel, `step` numbers apart; the last one is filled with zeros.
  void (*interleave)(const uint16_t* even, const uint16_t* odd, size_t n, uint16_t* to, size_t step);
};

// This machine's; null where it has none, or kernels are held to an instruction set without.
const PairUnit* pair_unit();

// B, of f32 or bf16, with element (k, n) at b[k * row_stride + n * column_stride], one of which is 1, to panels of pairs.
void pack_pairs(const PairUnit& unit, const float* b, int64_t row_stride, int64_t column_stride, size_t k, size_t n, uint16_t* packed);
void pack_pairs(const PairUnit& unit, const uint16_t* b, int64_t row_stride, int64_t column_stride, size_t k, size_t n, uint16_t* packed);

size_t pair_scratch_bytes(size_t m);
void run_pairs(const PairUnit& unit, const Product& product, const Bf16Weights& weights, size_t p0, size_t p1);

}  // namespace portfire::gemm
