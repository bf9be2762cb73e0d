#include "kernels/gemm/bf16.h"

#include "kernels/gemm/bf16_decode.h"
#include "kernels/gemm/blocks.h"
#include "kernels/gemm/pairs.h"

namespace portfire::gemm {
namespace {

constexpr size_t kFew = 4 * kFewRows;  // rows for which weights are decoded in registers

// --- many rows ---

void run_decoded(const Product& p, const Bf16Weights& w, size_t p0, size_t p1) {
  static const TileFn tile = tile_fn();
  static const TileShape shape = tile_shape();
  static const DecodeFn decode = decode_fn();
  const size_t length = p.k * p.taps, panel = pair_panel_size(length), end = std::min(p.n, p1 * kPanel);
  const size_t tiles = (p.m + shape.rows - 1) / shape.rows;
  auto* const block = reinterpret_cast<float*>(w.scratch);
  const auto at = [&](size_t column, size_t k) { return w.packed + column / kPairPanel * panel + k / 2 * 2 * kPairPanel; };
  for (size_t begin = p0 * kPanel; begin < end; begin += kGroup * kPanel) {
    const size_t group_end = std::min(end, begin + kGroup * kPanel);
    Depths(p.k, p.taps, kDepth).each([&](const Depth& d) {
      const size_t k0 = d.tap * p.k + d.skip, k1 = k0 + d.taps * d.k;
      for (size_t column = begin; column < group_end; column += shape.columns) {
        if (column % kPanel == 0)
          for (size_t half = 0; half < kPanel && column + half < p.n; half += kPairPanel)
            decode(w.packed + (column + half) / kPairPanel * panel, k0, k1, block + half);
        // What is decoded next is fetched meanwhile, a part of it by each tile.
        const uint16_t* const next = column + kPanel < group_end ? at(column + kPanel, k0) : d.last ? at(group_end, 0) : at(begin, k1);
        const size_t step = (shape.columns * sizeof(uint16_t) + tiles - 1) / tiles;
        Epilogue e = p.epilogue;
        if (e.bias) e.bias += column;
        if (e.residual) e.residual += column;
        tile({p.m, std::min(shape.columns, p.n - column), d.k, d.taps, p.rows + d.tap * p.m, p.m, d.skip, block + column % kPanel, p.c + column, p.ldc, d.first,
              d.last, e, reinterpret_cast<const std::byte*>(next), step});
      }
    });
  }
}

// --- few rows ---

void store_row(const float* sums, size_t n, const Epilogue& e, float* c) {
  const bool bounded = e.activation == Activation::relu || e.activation == Activation::clamp;
  const float low = e.activation == Activation::clamp ? e.low : 0;
  for (size_t j = 0; j < n; ++j) {
    float v = sums[j];
    if (e.bias) v += e.bias[j];
    if (e.residual) v += e.residual[j];
    if (bounded && v < low) v = low;
    if (e.activation == Activation::clamp && v > e.high) v = e.high;
    c[j] = v;
  }
}

void run_few(const Product& p, const Bf16Weights& w, size_t p0, size_t p1) {
  static const FewRowsFn few = few_rows_fn();
  static const FinishFn finish = finish_fn();
  const size_t begin = p0 * kPanel, end = std::min(p.n, p1 * kPanel);
  float sums[kFewRows * kFewColumns];
  const size_t parts = (p.m + kFewRows - 1) / kFewRows, width = few_columns((p.m + parts - 1) / parts);
  for (size_t column = begin; column < end; column += width) {
    const size_t columns = std::min(width, end - column);
    for (size_t i = 0; i < parts; ++i) {
      const size_t row = p.m * i / parts, rows = p.m * (i + 1) / parts - row;
      few({rows, p.k, column, columns, p.rows + row, w.packed, sums});
      for (size_t r = 0; r < rows; ++r) {
        const size_t at = (row + r) * p.ldc + column;
        Epilogue e = p.epilogue;
        if (e.bias) e.bias += column;
        if (e.residual) e.residual += at;
        store_row(sums + r * kFewColumns, columns, e, p.c + at);
      }
    }
  }
  finish({p.c + begin, p.m, end - begin, p.ldc}, p.epilogue.activation);
}

}  // namespace

size_t bf16_scratch_bytes(size_t m) { return pair_unit() ? pair_scratch_bytes(m) : kDepth * kPanel * sizeof(float); }

void run(const Product& p, const Bf16Weights& w, size_t p0, size_t p1) {
  if (p.m == 0 || p0 * kPanel >= std::min(p.n, p1 * kPanel)) return;
  if (const PairUnit* unit = pair_unit()) return run_pairs(*unit, p, w, p0, p1);
  p.m <= kFew && p.taps == 1 ? run_few(p, w, p0, p1) : run_decoded(p, w, p0, p1);
}

void run_parallel(const Gemm& g, const Bf16Weights& w, size_t m, ThreadPool* pool) {
  in_parts(m, g.n, g.k, pool, [&](size_t m0, size_t m1, size_t p0, size_t p1, size_t worker) {
    const Bf16Weights own{w.packed, w.scratch + worker * bf16_scratch_bytes(m)};
    in_chunks(g, m0, m1, [&](const Product& p) { run(p, own, p0, p1); });
  }, pair_unit() ? kRounding : 0);
}

}  // namespace portfire::gemm
