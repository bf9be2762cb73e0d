#include "kernels/pointwise/tiles.h"

#include <algorithm>

#include "core/insertion_sort.h"

namespace portfire::pointwise {
namespace {

constexpr int64_t kMostRows = 32;  // of a tile of crossed rows

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t stride_of(const TensorView& t, int d, int rank) {
  const int k = d - (rank - t.rank());
  return k < 0 || t.size(k) == 1 ? 0 : t.strides[k];
}

}  // namespace

Tiling::Tiling(std::span<TensorView* const> inputs, const TensorView& result) {
  operands = static_cast<int>(inputs.size()) + 1;
  auto operand = [&](int i) -> const TensorView& { return i + 1 < operands ? *inputs[static_cast<size_t>(i)] : result; };
  int order[kMaxRank], dims = 0;
  for (int d = 0; d < result.rank(); ++d)
    if (result.size(d) != 1) order[dims++] = d;
  insertion_sort(order, order + dims, [&](int a, int b) { return result.strides[a] > result.strides[b]; });
  for (int k = 0; k < dims; ++k) {
    const int d = order[k];
    bool joins = rank > 0;
    for (int i = 0; joins && i < operands; ++i)
      joins = strides[i][rank - 1] == stride_of(operand(i), d, result.rank()) * result.size(d);
    if (!joins) sizes[rank++] = 1;
    sizes[rank - 1] *= result.size(d);
    for (int i = 0; i < operands; ++i) strides[i][rank - 1] = stride_of(operand(i), d, result.rank());
  }
  if (rank == 0) {
    sizes[rank++] = 1;
    for (int i = 0; i < operands; ++i) strides[i][0] = 1;
  }
  rows_ = result.numel() == 0 ? 0 : 1;
  for (int d = 0; d + 1 < rank; ++d) rows_ *= sizes[d];
  for (int i = 0; i < operands; ++i) {
    int64_t packed = 1;
    dense[i] = true;
    for (int d = rank - 1; d >= 0; packed *= sizes[d--]) dense[i] &= strides[i][d] == packed;
    crossed[i] = rank > 1 && strides[i][rank - 2] == 1 && strides[i][rank - 1] != 1 && strides[i][rank - 1] != 0 &&
                 columns() > 4 && sizes[rank - 2] > 4;
    if (crossed[i]) line_ = std::clamp<int64_t>(64 / static_cast<int64_t>(byte_size(operand(i).dtype)), 8, line_ > 0 ? line_ : kMostRows);
  }
}

void Tiling::cut(int64_t strip) {
  if (rows_ == 0) return;
  const auto padding = static_cast<int64_t>(kPadding);
  if (line_ > 0) {
    constexpr auto kMost = static_cast<int64_t>(kStrip);  // whatever the others have: what is transposed stays in L1
    tile_columns_ = std::min(kMost / line_, columns());
    tile_rows_ = std::min({std::max(kMost / tile_columns_ / line_ * line_, line_), kMostRows, sizes[rank - 2]});
    tiles_down_ = divide_up(sizes[rank - 2], tile_rows_);
    tiles_across_ = divide_up(columns(), tile_columns_);
    tiles = rows_ / sizes[rank - 2] * tiles_down_ * tiles_across_;
  } else if (columns() <= (rows_ > 1 ? strip : static_cast<int64_t>(kStrip)) / 2) {
    tile_rows_ = strip / columns();
    // Whole multiples of the padding are used in place.
    const int64_t period = padding / std::min(padding, columns() & -columns());
    if (tile_rows_ > period) tile_rows_ -= tile_rows_ % period;
    tile_columns_ = columns();
    tiles = divide_up(rows_, tile_rows_);
  } else {
    // What is left at the end of a row, less than the padding, goes by itself: the rest is used in place.
    const int64_t left = columns() % strip;
    tiles_across_ = columns() / strip + (left >= padding) + (left % padding > 0);
    tile_columns_ = strip;
    tiles = rows_ * tiles_across_;
  }
}

Tile Tiling::tile(int64_t t) const {
  if (tile_columns_ == columns() && tiles_down_ == 1 && tiles_across_ == 1) {
    const int64_t row = t * tile_rows_;
    return {row, 0, std::min(tile_rows_, rows_ - row), columns()};
  }
  const int64_t across = t % tiles_across_, column = across * tile_columns_;
  t /= tiles_across_;
  if (tile_rows_ > 1) {
    const int64_t down = t % tiles_down_ * tile_rows_, height = sizes[rank - 2];
    return {t / tiles_down_ * height + down, column, std::min(tile_rows_, height - down),
            std::min(tile_columns_, columns() - column)};
  }
  const auto padding = static_cast<int64_t>(kPadding);
  const int64_t aligned = columns() - columns() % padding;
  if (column >= aligned || (across + 1 == tiles_across_ && aligned < columns()))
    return {t, aligned, 1, columns() - aligned};
  return {t, column, 1, std::min(tile_columns_, aligned - column)};
}

RowWalk::RowWalk(const Tiling& tiling, const Tile& tile) : tiling_(tiling) {
  const int last = tiling.rank - 1;
  for (int i = 0; i < tiling.operands; ++i) offsets_[i] = tile.column * tiling.strides[i][last];
  int64_t rest = tile.row;
  for (int d = last - 1; d >= 0; --d) {
    at_[d] = rest % tiling.sizes[d];
    rest /= tiling.sizes[d];
    for (int i = 0; i < tiling.operands; ++i) offsets_[i] += at_[d] * tiling.strides[i][d];
  }
}

void RowWalk::next() {
  for (int d = tiling_.rank - 2; d >= 0; --d) {
    if (++at_[d] < tiling_.sizes[d]) {
      for (int i = 0; i < tiling_.operands; ++i) offsets_[i] += tiling_.strides[i][d];
      return;
    }
    for (int i = 0; i < tiling_.operands; ++i) offsets_[i] -= (at_[d] - 1) * tiling_.strides[i][d];
    at_[d] = 0;
  }
}

}  // namespace portfire::pointwise
