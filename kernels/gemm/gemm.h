// f32 matrix products on prepacked panels.
//
// B (K x N) is packed into panels of kPanel columns, zero-padded: element (k, n) stands at
// packed[(n / kPanel) * K * kPanel + k * kPanel + n % kPanel]. One layout serves every ISA: wider
// vectors take more of a panel's row at once.
//
// The micro-kernel keeps a tile of C in registers and reads A by row pointers, several lists of them for
// convolutions (one list for each kernel tap), so A is never copied. With AVX-512, 12 x 2 vectors of C, 2 of B
// and a broadcast use 27 of 32 registers; with 16 registers it is 6 x 2. Longer sums are cut into blocks of k,
// so that the block of a panel stays in L1 and that of A in L2 while they are used; in between C holds the sums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/scratch.h"

namespace portfire {
class ThreadPool;
}

namespace portfire::gemm {

inline constexpr size_t kPanel = 32;
inline constexpr size_t kRows = 12;

// What happens to a finished sum: + bias[n], then the activation, then * nothing more.
enum class Activation : uint8_t { none, relu, clamp, gelu, gelu_tanh, silu, sigmoid, tanh };
// Null-terminated names as programs write them; false where there is none of that name.
bool parse_activation(std::string_view name, Activation* out);

struct Epilogue {
  const float* bias = nullptr;   // n elements, or null
  const float* residual = nullptr;  // added after bias, before the activation; laid out as C
  Activation activation = Activation::none;
  float low = 0, high = 0;       // clamp
};

// A strip of C of up to shape().columns columns, cut into tiles of at most shape().rows rows, or one block of k of it:
// rows[t * row_step + i] is row i (of `m`) for tap t, of which k elements after the first `skip` are read. `b`: the
// first of taps * k rows, kPanel apart. Writes m x n to c. bias and residual of the epilogue belong to the strip's
// first column and row. With each of the k of each tile the memory at `ahead` is fetched, which moves by ahead_step bytes.
struct Tile {
  size_t m, n, k, taps;
  const float* const* rows;
  size_t row_step, skip;
  const float* b;
  float* c;
  size_t ldc;
  bool first, last;  // of the blocks of k: starts from bias and residual, not from c; ends with the activation
  Epilogue epilogue;
  const std::byte* ahead;
  size_t ahead_step;
  // Where `rows` is null: row i is at a + i * a_step, of one tap and as many columns as shape().columns; or, `packed`,
  // as pack_left has them, from tile to tile a_step apart.
  const float* a;
  size_t a_step;
  bool packed = false;
};
// How a strip's rows are cut: tiles of about the same height, since a low one is a slow one. `higher` of height + 1, then the others.
struct Heights {
  size_t tiles, height, higher;
  Heights(size_t m, size_t most) : tiles((m + most - 1) / most), height(tiles ? m / tiles : 0), higher(tiles ? m % tiles : 0) {}
  size_t first(size_t tile) const { return tile * height + (tile < higher ? tile : higher); }
};
using TileFn = void (*)(const Tile&);
struct TileShape {
  size_t rows, columns;  // 6 or kRows; kPanel is a multiple of columns
};
// One row of C, n columns of any number of panels.
struct Row {
  size_t n, k;
  const float* a;
  const float* b;
  float* c;
  Epilogue epilogue;
};
using RowFn = void (*)(const Row&);
// Rows of C that lie ldc apart, n elements each.
struct Finished {
  float* c;
  size_t rows, n, ldc;
};
using FinishFn = void (*)(const Finished&, Activation);
// For this machine.
TileFn tile_fn();
TileShape tile_shape();
RowFn row_fn();
// Other activations than relu and clamp, on finished sums.
FinishFn finish_fn();

inline size_t packed_size(size_t k, size_t n) { return (n + kPanel - 1) / kPanel * kPanel * k; }
// B with element (k, n) at b[k * row_stride + n * column_stride].
void pack(const float* b, int64_t row_stride, int64_t column_stride, size_t k, size_t n, float* packed);

// A whose columns are runs, packed for tiles of a strip of m rows, R = shape().rows at most each: element (i, k), at a[k * step + i],
// of the tile that begins with row r stands at packed[tile * left_panel(depth) + k * R + i - r]. Panels begin in other sets of L1.
inline size_t left_panel(size_t depth) { return padded(depth * tile_shape().rows) + 16; }
inline size_t packed_left_size(size_t m, size_t depth) { return Heights(m, tile_shape().rows).tiles * left_panel(depth); }
void pack_left(const float* a, int64_t step, size_t m, size_t depth, float* packed);

// C (m x n) = the sum over taps of A_t B_t, + epilogue. Row i of A_t begins at
// rows[t * m + i], k long; B_0, B_1, ... stand below each other in `packed`.
struct Product {
  size_t m, n, k, taps;
  const float* const* rows;
  const float* packed;
  float* c;
  size_t ldc;
  Epilogue epilogue;  // of the first row and column
  // Numbers from a row to the next, where all of the one tap lie so: they are found faster, and rows in bf16 are read where
  // they are. 0: they do not.
  size_t row_step = 0;
};
// Panels [p0, p1) of it.
void run(const Product& product, size_t p0, size_t p1);

// C = A B + epilogue for rows [m0, m1) and panels [p0, p1). A is m x k with unit inner stride.
struct Gemm {
  size_t n, k;
  const float* a;
  int64_t lda;
  const float* packed;
  float* c;
  int64_t ldc;
  Epilogue epilogue;
};
void run(const Gemm& g, size_t m0, size_t m1, size_t p0, size_t p1);
// All of C, m rows, on the pool where it is worth it.
void run_parallel(const Gemm& g, size_t m, ThreadPool* pool);

}  // namespace portfire::gemm
