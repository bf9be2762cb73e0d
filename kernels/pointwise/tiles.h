// How a pointwise program walks its operands: tiles of at most a strip's elements, each a block of rows by
// columns of the operands' common shape, in which every operand becomes one strip.
#pragma once

#include <cstdint>
#include <span>

#include "core/tensor_view.h"
#include "kernels/pointwise/steps.h"

namespace portfire::pointwise {

struct Tile {
  int64_t row, column;   // of its first element; rows count through all dimensions but the last
  int64_t rows, columns;
  size_t size() const { return static_cast<size_t>(rows * columns); }
};

// The common shape with its dimensions merged as far as all operands allow, at least one, those with the
// largest steps in the result first.
//   long rows      pieces of a row, one at a time
//   short rows     as many whole rows as make a strip
//   crossed rows   few rows of many columns, where an operand is contiguous along another dimension than the result:
//                  as many as make a line of its memory
struct Tiling {
  static constexpr int kMaxOperands = 17;

  int rank = 0, operands = 0;  // the result is the last operand
  int64_t sizes[kMaxRank];
  int64_t strides[kMaxOperands][kMaxRank];
  bool dense[kMaxOperands];    // row-major without gaps: a tile that is a run of elements is one there too
  bool crossed[kMaxOperands];  // contiguous along the dimension before the last
  int64_t tiles = 0;

  Tiling() = default;
  Tiling(std::span<TensorView* const> inputs, const TensorView& result);
  // Sets the tiles: of at most `strip` elements, a multiple of the padding.
  void cut(int64_t strip);
  Tile tile(int64_t t) const;
  int64_t elements() const { return rows_ * columns(); }
  // Does it consist of elements that follow each other, row by row?
  bool is_run(const Tile& t) const { return t.rows == 1 || t.columns == columns(); }
  int64_t columns() const { return sizes[rank - 1]; }

 private:
  int64_t rows_ = 0, tile_rows_ = 1, tile_columns_ = 0;
  int64_t line_ = 0;  // elements of crossed operands that lie in one; 0: none are crossed
  int64_t tiles_across_ = 1, tiles_down_ = 1;  // down: within the dimension before the last, of crossed rows
};

// Offsets of all operands along consecutive rows of a tile, in elements.
class RowWalk {
 public:
  RowWalk(const Tiling& tiling, const Tile& tile);
  void next();
  int64_t operator[](int operand) const { return offsets_[operand]; }

 private:
  const Tiling& tiling_;
  int64_t at_[kMaxRank], offsets_[Tiling::kMaxOperands];
};

}  // namespace portfire::pointwise
