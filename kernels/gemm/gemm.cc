#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <cstring>

#include "kernels/copy/strided.h"
#include "kernels/gemm/blocks.h"

namespace portfire::gemm {

bool parse_activation(std::string_view name, Activation* out) {
  constexpr struct {
    std::string_view name;
    Activation activation;
  } kNames[] = {{"", Activation::none},          {"relu", Activation::relu},   {"clamp", Activation::clamp},
                {"gelu", Activation::gelu},      {"gelu_tanh", Activation::gelu_tanh}, {"silu", Activation::silu},
                {"sigmoid", Activation::sigmoid}, {"tanh", Activation::tanh}};
  for (const auto& n : kNames)
    if (n.name == name) {
      *out = n.activation;
      return true;
    }
  return false;
}

void pack(const float* b, int64_t row_stride, int64_t column_stride, size_t k, size_t n, float* packed) {
  const size_t whole = column_stride == 1 ? n / kPanel : 0;
  // Some panels at a time, row by row: memory is read in longer runs, and what is written stays in L1.
  constexpr size_t kTogether = 4;
  for (size_t p = 0; p < whole; p += kTogether) {
    const size_t panels = std::min(kTogether, whole - p);
    const float* from = b + p * kPanel;
    float* to = packed + p * kPanel * k;
    for (size_t r = 0; r < k; ++r, from += row_stride, to += kPanel)
      for (size_t i = 0; i < panels; ++i) std::memcpy(to + i * kPanel * k, from + i * kPanel, kPanel * sizeof(float));
  }
  for (size_t p = whole; p * kPanel < n; ++p) {
    const size_t columns = std::min(kPanel, n - p * kPanel);
    const float* from = b + static_cast<int64_t>(p * kPanel) * column_stride;
    float* to = packed + p * k * kPanel;
    if (columns < kPanel) std::fill_n(to, k * kPanel, 0.0f);
    if (column_stride == 1) {
      for (size_t r = 0; r < k; ++r, to += kPanel) std::copy_n(from + static_cast<int64_t>(r) * row_stride, columns, to);
      continue;
    }
    if (row_stride == 1) {
      copy::transpose(to, kPanel, from, column_stride, static_cast<int64_t>(k), static_cast<int64_t>(columns), sizeof(float));
      continue;
    }
    // Transposing: in blocks of rows, so that the lines read stay in L1.
    constexpr size_t kBlock = 16;
    for (size_t r0 = 0; r0 < k; r0 += kBlock)
      for (size_t c = 0; c < columns; ++c) {
        const float* column = from + static_cast<int64_t>(c) * column_stride;
        for (size_t r = r0; r < std::min(k, r0 + kBlock); ++r) to[r * kPanel + c] = column[static_cast<int64_t>(r) * row_stride];
      }
  }
}

namespace {

template <size_t kHigh>
void pack_tiles(const float* a, int64_t step, size_t m, size_t depth, float* packed) {
  // Copied in whole vectors, where so many elements are there: what follows a tile's own is overwritten by its next row.
  constexpr size_t kCopied = kHigh <= 8 ? 8 : 16;
  const Heights h(m, kHigh);
  const size_t panel = left_panel(depth);
  size_t whole = h.tiles;
  while (whole > 0 && h.first(whole - 1) + kCopied > m) --whole;
  const size_t higher = std::min(whole, h.higher);
  for (size_t k = 0; k < depth; ++k, a += step, packed += kHigh) {
    float* to = packed;
    const float* from = a;
    for (size_t t = 0; t < higher; ++t, to += panel, from += h.height + 1) std::memcpy(to, from, kCopied * sizeof(float));
    for (size_t t = higher; t < whole; ++t, to += panel, from += h.height) std::memcpy(to, from, kCopied * sizeof(float));
    for (size_t t = whole; t < h.tiles; ++t, to += panel) std::copy_n(a + h.first(t), h.first(t + 1) - h.first(t), to);
  }
}

}  // namespace

void pack_left(const float* a, int64_t step, size_t m, size_t depth, float* packed) {
  static const size_t rows = tile_shape().rows;
  rows == 6 ? pack_tiles<6>(a, step, m, depth, packed) : pack_tiles<kRows>(a, step, m, depth, packed);
}

namespace {

void run_row(const Gemm& g, size_t m, size_t p0, size_t p1) {
  static const RowFn row = row_fn();
  const size_t column = p0 * kPanel;
  const int64_t c = static_cast<int64_t>(m) * g.ldc + static_cast<int64_t>(column);
  Epilogue e = g.epilogue;
  if (e.bias) e.bias += column;
  if (e.residual) e.residual += c;
  row({std::min(p1 * kPanel, g.n) - column, g.k, g.a + static_cast<int64_t>(m) * g.lda, g.packed + column * g.k, g.c + c, e});
}

}  // namespace

void run(const Product& p, size_t p0, size_t p1) {
  static const TileFn tile = tile_fn();
  static const TileShape shape = tile_shape();
  const Depths depths(p.k, p.taps, kDepth);
  const size_t end = std::min(p.n, p1 * kPanel), length = p.k * p.taps;
  const size_t tiles = (p.m + shape.rows - 1) / shape.rows;
  for (size_t begin = p0 * kPanel; begin < end; begin += kGroup * kPanel) {
    const size_t group_end = std::min(end, begin + kGroup * kPanel);
    depths.each([&](const Depth& d) {
      auto at = [&](size_t column) {
        return p.packed + column / kPanel * kPanel * length + (d.tap * p.k + d.skip) * kPanel + column % kPanel;
      };
      for (size_t column = begin; column < group_end; column += shape.columns) {
        // What comes next is fetched meanwhile, a part of it by each tile.
        const float* const next = column + shape.columns < group_end ? at(column + shape.columns)
                                  : d.last ? p.packed + group_end * length : at(begin) + d.k * d.taps * kPanel;
        const size_t step = (kPanel * sizeof(float) + tiles - 1) / tiles;
        const size_t row = d.tap * p.m;
        Epilogue e = p.epilogue;
        if (e.bias) e.bias += column;
        if (e.residual) e.residual += column;
        const size_t columns = std::min(shape.columns, p.n - column);
        const bool spaced = p.row_step > 0 && columns == shape.columns;
        tile({p.m, columns, d.k, d.taps, spaced ? nullptr : p.rows + row, p.m, d.skip, at(column), p.c + column, p.ldc, d.first, d.last, e,
              reinterpret_cast<const std::byte*>(next), step, p.rows[row], p.row_step});
      }
    });
  }
}

void run(const Gemm& g, size_t m0, size_t m1, size_t p0, size_t p1) {
  if (p0 >= p1) return;
  if (m1 - m0 == 1) return run_row(g, m0, p0, p1);
  in_chunks(g, m0, m1, [&](const Product& p) { run(p, p0, p1); });
}

void run_parallel(const Gemm& g, size_t m, ThreadPool* pool) {
  in_parts(m, g.n, g.k, pool, [&](size_t m0, size_t m1, size_t p0, size_t p1, size_t) { run(g, m0, m1, p0, p1); });
}

}  // namespace portfire::gemm
