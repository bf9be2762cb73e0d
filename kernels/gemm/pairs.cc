#include "kernels/gemm/pairs.h"

#include <algorithm>

#include "kernels/copy/strided.h"

namespace portfire::gemm {
namespace {

constexpr size_t kChunk = 16 * kPairRows;  // rows of A at a time

// Calls f(tap, at, count, to): elements [at, at + count) of a tap go to element `to` of what is [skip, skip + k) of a row, its
// taps behind each other.
template <class F>
void each_piece(const Product& p, size_t skip, size_t k, F f) {
  size_t tap = p.k ? skip / p.k : 0, at = skip - tap * p.k;
  for (size_t to = 0; to < k; ++tap, at = 0) {
    const size_t count = std::min(k - to, p.k - at);
    f(tap, at, count, to);
    to += count;
  }
}

// Elements [skip, skip + k) of rows [m0, m0 + m); a last one without a partner gets a zero.
void fill_block(const PairUnit& unit, const Product& p, const uint16_t* const* rounded, size_t m0, size_t m, size_t skip, size_t k, uint16_t* to) {
  each_piece(p, skip, k, [&](size_t tap, size_t at, size_t count, size_t place) {
    const size_t row = tap * p.m + m0;
    if (rounded) return unit.gather(rounded + row, m, at, count, to + place);
    for (size_t i = 0; i < m; ++i) unit.round(p.rows[row + i] + at, count, to + i * kPairStride + place);
  });
  for (size_t i = 0; k % 2 && i < m; ++i) to[i * kPairStride + k] = 0;
}

constexpr size_t kPiece = 512;  // numbers rounded at a time

void fetch(const PairUnit& unit, const float* from, size_t n, uint16_t* to) { unit.round(from, n, to); }
void fetch(const PairUnit&, const uint16_t* from, size_t n, uint16_t* to) { std::copy_n(from, n, to); }

// Columns that lie together: those of a panel come in, then their pairs, words of four bytes, are transposed.
template <class T>
void pack_columns(const PairUnit& unit, const T* b, int64_t column_stride, size_t k, size_t n, uint16_t* packed) {
  constexpr size_t kRows = 256;
  uint16_t piece[kPairPanel * kRows];
  for (size_t j0 = 0; j0 < n; j0 += kPairPanel) {
    const size_t columns = std::min(kPairPanel, n - j0);
    for (size_t i = 0; i < k; i += kRows) {
      const size_t count = std::min(kRows, k - i), pairs = (count + 1) / 2;
      for (size_t j = 0; j < columns; ++j) {
        fetch(unit, b + static_cast<int64_t>(j0 + j) * column_stride + i, count, piece + j * kRows);
        if (count % 2) piece[j * kRows + count] = 0;
      }
      uint16_t* const to = packed + j0 / kPairPanel * pair_panel_size(k) + i * kPairPanel;
      copy::transpose(to, kPairPanel, piece, kRows / 2, static_cast<int64_t>(pairs), static_cast<int64_t>(columns), sizeof(uint32_t));
    }
  }
}

// Rows that lie together: two at a time are interleaved.
template <class T>
void pack_rows(const PairUnit& unit, const T* b, int64_t row_stride, size_t k, size_t n, uint16_t* packed) {
  uint16_t pieces[2][kPiece], zeros[kPiece] = {};
  const auto piece = [&](size_t i, size_t j, size_t count) -> const uint16_t* {
    const T* from = b + static_cast<int64_t>(i) * row_stride + j;
    if constexpr (sizeof(T) == sizeof(uint16_t)) return i < k ? from : zeros;
    if (i < k) fetch(unit, from, count, pieces[i % 2]);
    return i < k ? pieces[i % 2] : zeros;
  };
  for (size_t i = 0; i < k; i += 2)
    for (size_t j = 0; j < n; j += kPiece) {
      const size_t count = std::min(kPiece, n - j);
      const uint16_t *even = piece(i, j, count), *odd = piece(i + 1, j, count);
      unit.interleave(even, odd, count, packed + j / kPairPanel * pair_panel_size(k) + i * kPairPanel, pair_panel_size(k));
    }
}

template <class T>
void pack_any(const PairUnit& unit, const T* b, int64_t row_stride, int64_t column_stride, size_t k, size_t n, uint16_t* packed) {
  if (column_stride == 1) return pack_rows(unit, b, row_stride, k, n, packed);
  if (n % kPairPanel) std::fill_n(packed + n / kPairPanel * pair_panel_size(k), pair_panel_size(k), uint16_t{0});
  pack_columns(unit, b, column_stride, k, n, packed);
}

}  // namespace

void pack_pairs(const PairUnit& unit, const float* b, int64_t row_stride, int64_t column_stride, size_t k, size_t n, uint16_t* packed) {
  pack_any(unit, b, row_stride, column_stride, k, n, packed);
}
void pack_pairs(const PairUnit& unit, const uint16_t* b, int64_t row_stride, int64_t column_stride, size_t k, size_t n, uint16_t* packed) {
  pack_any(unit, b, row_stride, column_stride, k, n, packed);
}

size_t pair_scratch_bytes(size_t m) { return std::max<size_t>(1, std::min(m, kChunk)) * kPairStride * sizeof(uint16_t); }

void run_pairs(const PairUnit& unit, const Product& p, const Bf16Weights& w, size_t p0, size_t p1) {
  static const FinishFn finish = finish_fn();
  const size_t length = p.k * p.taps, panel = w.panel ? w.panel : pair_panel_size(length), end = std::min(p.n, p1 * kPanel);
  const size_t parts = std::max<size_t>(1, (length + kPairDepth - 1) / kPairDepth), depth = ((length + parts - 1) / parts + 1) / 2 * 2;
  const size_t width = (p.m == 1 ? 8 : 2) * kPairPanel;
  auto* const block = reinterpret_cast<uint16_t*>(w.scratch);
  // Half of a pair would meet what lies behind.
  const bool in_place = w.rounded && p.row_step > 0 && p.taps == 1 && p.k % 2 == 0;
  const bool at_once = !w.rounded && p.row_step == p.k && p.taps == 1 && p.k % 2 == 0 && p.k <= depth;  // rows without gaps
  for (size_t m0 = 0; m0 < p.m; m0 += kChunk) {
    const size_t m = std::min(kChunk, p.m - m0), tiles = (m + kPairRows - 1) / kPairRows;
    size_t skip = 0;
    do {
      const size_t k = std::min(depth, length - skip);
      if (at_once)
        unit.round(p.rows[m0], m * k, block);
      else if (!in_place)
        fill_block(unit, p, w.rounded, m0, m, skip, k, block);
      const uint16_t* const a = in_place ? w.rounded[m0] + skip : block;
      const size_t a_step = in_place ? p.row_step : at_once ? k : kPairStride;
      const auto at = [&](size_t column, size_t from) { return w.packed + column / kPairPanel * panel + from * kPairPanel; };
      for (size_t column = p0 * kPanel; column < end; column += width) {
        // What comes next is fetched meanwhile, a part of it by each tile.
        const uint16_t* const next = column + width < end ? at(column + width, skip) : at(p0 * kPanel, skip + k);
        const size_t step = (2 * kPairPanel * sizeof(uint16_t) + tiles - 1) / tiles;
        PairTile t{m, std::min(width, end - column), (k + 1) / 2, a, a_step, at(column, skip), panel, p.c + m0 * p.ldc + column, p.ldc, skip == 0,
                   skip + k == length, p.epilogue, reinterpret_cast<const std::byte*>(next), step};
        if (t.epilogue.bias) t.epilogue.bias += column;
        if (t.epilogue.residual) t.epilogue.residual += m0 * p.ldc + column;
        unit.strip(t);
        if (t.last) finish({t.c, m, t.n, t.ldc}, t.epilogue.activation);
      }
      skip += k;
    } while (skip < length);
  }
}

}  // namespace portfire::gemm
