#include "kernels/gemm/blocked.h"

#include <algorithm>

#include "kernels/gemm/blocks.h"
#include "kernels/scratch.h"

namespace portfire::gemm {
namespace {

// Elements of k at a time, panels that are packed together, rows of A that are used with them.
constexpr size_t kBlockDepth = 192, kBlockPanels = 4, kBlockRows = 16 * kRows;

size_t depth_at_once(size_t k) { return Depths(k, 1, kBlockDepth).deepest(); }
size_t right_floats(size_t n, size_t k) { return padded(packed_size(depth_at_once(k), std::min(n, kBlockPanels * kPanel))); }

// Rows [m, m + count) of A, of which [skip, skip + depth) is read: as lists, and from each to the next, 0 where that varies.
// Where they are no runs that part of them is copied, packed where their columns are.
struct Rows {
  const float* rows[kBlockRows];
  const float* a;
  size_t step;
  bool packed;

  void find(const Left& left, size_t m, size_t count, size_t skip, size_t depth, float* copy) {
    const auto first = static_cast<int64_t>(m), end = first + static_cast<int64_t>(count), k = static_cast<int64_t>(depth);
    const bool one_run = first / left.run == (end - 1) / left.run, copies = left.column != 1 && depth > 1;
    const auto at = [&](int64_t i) { return left.a + i / left.run * left.outer + i % left.run * left.row + static_cast<int64_t>(skip) * left.column; };
    packed = copies && one_run && left.row == 1;
    if (packed) {
      pack_left(at(first), left.column, count, depth, copy);
      a = copy;
      step = left_panel(depth);
      return;
    }
    step = copies ? depth : one_run && left.row > 0 ? static_cast<size_t>(left.row) : 0;
    for (int64_t i = first; i < end; ++i) {
      rows[i - first] = copies ? copy : at(i);
      if (!copies) continue;
      for (int64_t j = 0; j < k; ++j) *copy++ = at(i)[j * left.column];
    }
    a = rows[0];
  }
};

}  // namespace

size_t blocked_scratch(size_t m, size_t n, size_t k, const Left& left) {
  const size_t rows = std::min(m, kBlockRows), depth = depth_at_once(k);
  return right_floats(n, k) + (left.column != 1 && k > 1 ? padded(std::max(rows * depth, packed_left_size(rows, depth))) : 0);
}

void run(const Blocked& g, size_t m0, size_t m1, size_t p0, size_t p1, float* scratch) {
  static const TileFn tile = tile_fn();
  static const TileShape shape = tile_shape();
  float* const copy = scratch + right_floats(g.n, g.k);
  const size_t end = std::min(g.n, p1 * kPanel);
  Rows rows;
  for (size_t begin = p0 * kPanel; begin < end; begin += kBlockPanels * kPanel) {
    const size_t columns = std::min(end - begin, kBlockPanels * kPanel);
    Depths(g.k, 1, kBlockDepth).each([&](const Depth& d) {
      const Right& r = g.right;
      pack(r.b + static_cast<int64_t>(d.skip) * r.row + static_cast<int64_t>(begin) * r.column, r.row, r.column, d.k, columns, scratch);
      for (size_t m = m0; m < m1; m += kBlockRows) {
        const size_t count = std::min(kBlockRows, m1 - m), tiles = (count + shape.rows - 1) / shape.rows;
        rows.find(g.left, m, count, d.skip, d.k, copy);
        for (size_t column = 0; column < columns; column += shape.columns) {
          const auto at = [&](size_t c) { return scratch + c / kPanel * kPanel * d.k + c % kPanel; };
          const size_t width = std::min(shape.columns, columns - column), next = column + shape.columns < columns ? column + shape.columns : 0;
          const int64_t offset = static_cast<int64_t>(m) * g.ldc + static_cast<int64_t>(begin + column);
          Epilogue e = g.epilogue;
          if (e.bias) e.bias += begin + column;
          if (e.residual) e.residual += offset;
          tile({count, width, d.k, 1, rows.packed || (rows.step > 0 && width == shape.columns) ? nullptr : rows.rows, count, 0, at(column), g.c + offset,
                static_cast<size_t>(g.ldc), d.first, d.last, e, reinterpret_cast<const std::byte*>(at(next)), (kPanel * sizeof(float) + tiles - 1) / tiles,
                rows.a, rows.step, rows.packed});
        }
      }
    });
  }
}

void run_parallel(const Blocked& g, float* scratch, ThreadPool* pool) {
  const size_t each = blocked_scratch(g.m, g.n, g.k, g.left);
  in_parts(g.m, g.n, g.k, pool, [&](size_t m0, size_t m1, size_t p0, size_t p1, size_t worker) { run(g, m0, m1, p0, p1, scratch + worker * each); });
}

}  // namespace portfire::gemm
