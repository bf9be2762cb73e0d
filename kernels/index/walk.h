// One walk for operators that fetch or store elements by number: at each place p of a shape, an element of one
// tensor meets the element of another at `base(p) + index(p) * stride`.
#pragma once

#include <algorithm>
#include <atomic>

#include "kernels/index/range.h"
#include "kernels/thread_pool.h"
#include "ops/index_reader.h"
#include "ops/rows.h"

namespace portfire::index {

inline constexpr int64_t kGrain = 16 << 10;  // places for each thread at least

// Strides of what is met one to one, of the index, and of where the index counts from.
struct Walk {
  Shape shape;
  int64_t plain[kMaxRank] = {}, index[kMaxRank] = {}, base[kMaxRank] = {};
  int64_t stride = 0, limit = 1;  // of what the index counts
  int dim = 0;                    // its dimension, for errors
  bool stores = false;            // to where the index says, so only places of other numbers may run at once
  bool wraps = false;             // negative numbers count from the back
};

// A row of places: offsets and steps in elements, of the three as above.
struct Row {
  int64_t plain, plain_step, index, index_step, base, base_step, n;
};

inline bool is_index(const TensorView& t) { return t.dtype == DType::i64 || t.dtype == DType::i32; }

// Calls f(row) for every row of places; f gives how many went well: n unless an index is out of range. Threads
// share the first dimension, unless they might meet in one element.
template <class F>
Error walk_rows(const Walk& w, const TensorView& index, ThreadPool* pool, F f) {
  int split = 0;
  while (split + 1 < w.shape.rank && w.shape.sizes[split] == 1) ++split;
  const int64_t length = w.shape.rank ? w.shape.sizes[split] : 1;
  const bool apart = !w.stores || (w.index[split] == 0 && w.base[split] != 0);
  const int64_t most = pool && apart ? std::max<int64_t>(1, std::min(static_cast<int64_t>(pool->threads()) * 2, length)) : 1;
  const int64_t tasks = std::clamp<int64_t>(w.shape.numel() / kGrain, 1, most);
  std::atomic<int64_t> wrong{-1};  // offset of an index out of range
  parallel(pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    Shape part = w.shape;
    const int64_t begin = length * static_cast<int64_t>(task) / tasks;
    if (w.shape.rank) part.sizes[split] = length * static_cast<int64_t>(task + 1) / tasks - begin;
    for (ops::Rows r(part, {w.plain, w.index, w.base}); r.valid(); r.next()) {
      const Row row{begin * w.plain[split] + r.offset(0), r.step(0), begin * w.index[split] + r.offset(1), r.step(1),
                    begin * w.base[split] + r.offset(2), r.step(2), r.length()};
      const int64_t good = f(row);
      if (good == row.n) continue;
      wrong = row.index + good * row.index_step;
      return;
    }
  });
  if (wrong < 0) return {};
  const ops::IndexReader reader(index, w.limit);
  return reader.out_of_range(w.wraps ? reader.wrapped(wrong) : reader(wrong), w.dim);
}

}  // namespace portfire::index
