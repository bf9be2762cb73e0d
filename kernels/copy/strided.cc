#include "kernels/copy/strided.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/insertion_sort.h"
#include "kernels/scratch.h"
#include "ops/rows.h"

namespace portfire::copy {
namespace {

struct Dim {
  int64_t size = 1, to = 0, from = 0;
};

// The common shape, dimensions of size 1 dropped, neighbours merged where both sides allow it, those
// with the largest steps in `to` first. The last two are a plane: rows by columns.
struct Walk {
  int rank = 0;  // of the dimensions before the plane
  Dim outer[kMaxRank], row, column;
  int64_t planes = 1;

  Walk(const TensorView& to, const TensorView& from) {
    Dim dims[kMaxRank];
    int count = 0;
    for (int d = 0; d < to.rank(); ++d)
      if (to.size(d) != 1) dims[count++] = {to.size(d), to.strides[d], from.strides[d]};
    insertion_sort(dims, dims + count, [](const Dim& a, const Dim& b) { return std::abs(a.to) > std::abs(b.to); });
    for (int d = 0; d < count; ++d) {
      if (rank > 0 && outer[rank - 1].to == dims[d].to * dims[d].size && outer[rank - 1].from == dims[d].from * dims[d].size)
        outer[rank - 1] = {outer[rank - 1].size * dims[d].size, dims[d].to, dims[d].from};
      else
        outer[rank++] = dims[d];
    }
    if (rank == 0) outer[rank++] = {1, 1, 1};
    column = outer[--rank];
    // Rows: the dimension that lies densely in `from`, so that a plane is a transposition; else the next.
    int chosen = rank - 1;
    if (column.from != 1 && column.from != 0)
      for (int d = 0; d < rank; ++d)
        if (outer[d].from == 1) chosen = d;
    if (chosen >= 0) {
      row = outer[chosen];
      for (int d = chosen; d + 1 < rank; ++d) outer[d] = outer[d + 1];
      --rank;
    }
    for (int d = 0; d < rank; ++d) planes *= outer[d].size;
  }
};

constexpr int64_t kShortRow = 64;  // bytes: longer ones are worth a call of memmove

// Rows of one length, each in kMoves pieces of kBytes from its begin and as many up to its end: they may overlap,
// which repeats what is written. So no loop depends on the length.
template <int64_t kBytes, int64_t kMoves>
void copy_rows_of(std::byte* to, const std::byte* from, int64_t to_step, int64_t from_step, int64_t rows, int64_t length) {
  const int64_t tail = length - kBytes * kMoves;
  for (int64_t r = 0; r < rows; ++r, to += to_step, from += from_step) {
    std::byte low[kMoves][kBytes], high[kMoves][kBytes];
    for (int64_t k = 0; k < kMoves; ++k) {
      std::memcpy(low[k], from + k * kBytes, kBytes);
      std::memcpy(high[k], from + tail + k * kBytes, kBytes);
    }
    for (int64_t k = 0; k < kMoves; ++k) {
      std::memcpy(to + k * kBytes, low[k], kBytes);
      std::memcpy(to + tail + k * kBytes, high[k], kBytes);
    }
  }
}
// Steps and length in bytes.
void copy_short_rows(std::byte* to, const std::byte* from, int64_t to_step, int64_t from_step, int64_t rows, int64_t length) {
  const auto copy = length >= 32   ? copy_rows_of<16, 2>
                    : length >= 16 ? copy_rows_of<16, 1>
                    : length >= 8  ? copy_rows_of<8, 1>
                    : length >= 4  ? copy_rows_of<4, 1>
                    : length >= 2  ? copy_rows_of<2, 1>
                                   : copy_rows_of<1, 1>;
  copy(to, from, to_step, from_step, rows, length);
}

template <class T>
void copy_plane(T* to, const T* from, const Dim& row, const Dim& column) {
  const int64_t n = column.size;
  constexpr auto kElement = static_cast<int64_t>(sizeof(T));
  const auto each_row = [&](auto f) {
    for (int64_t r = 0; r < row.size; ++r, to += row.to, from += row.from) f();
  };
  if (column.to == 1 && column.from == 1 && n * kElement <= kShortRow)
    copy_short_rows(reinterpret_cast<std::byte*>(to), reinterpret_cast<const std::byte*>(from), row.to * kElement, row.from * kElement, row.size, n * kElement);
  else if (column.to == 1 && column.from == 1)
    each_row([&] { std::memmove(to, from, static_cast<size_t>(n) * sizeof(T)); });
  else if (column.to == 1 && column.from == 0)
    each_row([&] {
      const T same = *from;
      for (int64_t c = 0; c < n; ++c) to[c] = same;
    });
  else if (column.to == 1 && column.from == -1 && sizeof(T) <= 8)
    each_row([&] { reverse(to, from, n, sizeof(T)); });
  else
    each_row([&] {
      for (int64_t c = 0; c < n; ++c) to[c * column.to] = from[c * column.from];
    });
}

constexpr int64_t kGrain = 256 << 10;  // bytes for each thread at least

}  // namespace

TensorView contiguous_copy(const TensorView& from, void* memory, ThreadPool* pool) {
  TensorView to = from;
  to.data = memory;
  to.set_contiguous();
  copy(to, from, pool);
  return to;
}

size_t contiguous_bytes(const TensorView& t) { return t.is_contiguous() ? 0 : whole_lines(t.bytes()); }

TensorView contiguous(const TensorView& t, std::byte** memory, ThreadPool* pool) {
  if (t.is_contiguous()) return t;
  void* const to = *memory;
  *memory += contiguous_bytes(t);
  return contiguous_copy(t, to, pool);
}

void copy(const TensorView& to, const TensorView& source, ThreadPool* pool) {
  if (to.numel() == 0) return;
  const Walk w(to, ops::broadcast_view(source, to.shape));
  const size_t element = byte_size(to.dtype);
  const bool transposes = w.column.to == 1 && w.row.from == 1 && w.column.from != 1 && w.column.from != 0 && w.column.size > 3 && w.row.size > 3 &&
                          element != 1 && element != 16;
  // Planes are cut into strips of rows, and a single row into pieces, until every thread has its share.
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  const int64_t shares = std::clamp<int64_t>(to.numel() * static_cast<int64_t>(element) / kGrain, 1, threads * 2);
  const bool cut_columns = w.row.size == 1;
  const int64_t length = cut_columns ? w.column.size : w.row.size;
  const int64_t cuts = std::clamp<int64_t>(shares / w.planes, 1, std::max<int64_t>(length / 64, 1));
  const int64_t units = w.planes * cuts, tasks = std::min(units, shares);
  parallel(pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    const int64_t end = units * static_cast<int64_t>(task + 1) / tasks;
    for (int64_t unit = units * static_cast<int64_t>(task) / tasks; unit < end; ++unit) {
      int64_t rest = unit / cuts, to_at = 0, from_at = 0;
      for (int d = w.rank - 1; d >= 0; --d) {
        to_at += rest % w.outer[d].size * w.outer[d].to;
        from_at += rest % w.outer[d].size * w.outer[d].from;
        rest /= w.outer[d].size;
      }
      Dim row = w.row, column = w.column;
      Dim& cut = cut_columns ? column : row;
      const int64_t first = length * (unit % cuts) / cuts;
      cut.size = length * (unit % cuts + 1) / cuts - first;
      to_at += first * cut.to;
      from_at += first * cut.from;
      ops::with_bits(to.dtype, [&](auto tag) {
        using T = decltype(tag);
        if (transposes)
          transpose(to.as<T>() + to_at, row.to, source.as<T>() + from_at, column.from, row.size, column.size, sizeof(T));
        else
          copy_plane(to.as<T>() + to_at, source.as<const T>() + from_at, row, column);
      });
    }
  });
}

void fill(const TensorView& to, const void* value, ThreadPool* pool) {
  TensorView one;
  one.data = const_cast<void*>(value);
  one.dtype = to.dtype;
  copy(to, one, pool);
}

}  // namespace portfire::copy
