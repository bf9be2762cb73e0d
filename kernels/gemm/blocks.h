// How products are cut: their depth into blocks that caches hold, their rows and panels into parts for threads.
#pragma once

#include <algorithm>

#include "kernels/gemm/gemm.h"
#include "kernels/thread_pool.h"

namespace portfire::gemm {

// Elements of k at a time, panels that share a block of A, rows of A at a time.
inline constexpr size_t kDepth = 384, kGroup = 8, kChunk = 16 * kRows;

// Elements [skip, skip + k) of taps [tap, tap + taps).
struct Depth {
  size_t tap, taps, skip, k;
  bool first, last;
};
// The blocks of a depth of `taps` times k elements, each of `most` at the most: whole taps together, or even parts of one.
class Depths {
 public:
  Depths(size_t k, size_t taps, size_t most) : k_(k), taps_(taps) {
    const size_t parts = (k + most - 1) / most;
    step_ = parts > 1 ? (k + parts - 1) / parts : k;
    const size_t together = std::max<size_t>(1, most / std::max<size_t>(1, k)), blocks = (taps + together - 1) / together;
    together_ = parts > 1 ? 1 : (taps + blocks - 1) / std::max<size_t>(1, blocks);
  }
  size_t deepest() const { return step_; }  // elements of a tap
  template <class F>
  void each(F f) const {
    for (size_t tap = 0; tap < taps_; tap += together_) {
      size_t skip = 0;
      do {
        const size_t k = std::min(step_, k_ - skip), taps = std::min(together_, taps_ - tap);
        f(Depth{tap, taps, skip, k, tap + skip == 0, tap + taps == taps_ && skip + k == k_});
        skip += k;
      } while (skip < k_);
    }
  }

 private:
  size_t k_, taps_, step_, together_;
};

// Calls f(product) for rows [m0, m1) of g, kChunk at a time: as lists of rows, its epilogue moved along.
template <class F>
void in_chunks(const Gemm& g, size_t m0, size_t m1, F f) {
  const float* rows[kChunk];
  for (size_t m = m0; m < m1; m += kChunk) {
    const size_t count = std::min(kChunk, m1 - m);
    for (size_t i = 0; i < count; ++i) rows[i] = g.a + static_cast<int64_t>(m + i) * g.lda;
    const int64_t at = static_cast<int64_t>(m) * g.ldc;
    Epilogue e = g.epilogue;
    if (e.residual) e.residual += at;
    f(Product{count, g.n, g.k, 1, rows, g.packed, g.c + at, static_cast<size_t>(g.ldc), e, static_cast<size_t>(g.lda)});
  }
}

// So many multiplications are worth a part of their own; fewer than kLeast, a microsecond or so, not even a thread that is awake.
inline constexpr size_t kGrain = 1 << 18, kLeast = 1 << 15;

// How rows and panels are cut: `rows` times `panels` parts of about the same size.
struct Parts {
  size_t rows, panels;
};
// Of so many blocks of kRows rows and so many panels, for the threads to end at about the same time: what the last of them does,
// and a quarter of a part more, since they do not run evenly. No part smaller than `least` blocks times panels. Each part spends
// the time of `entry` panels on its rows before it begins: kRounding where it rounds them.
Parts choose_parts(size_t blocks, size_t panels, size_t threads, size_t least, double entry = 0);
inline constexpr double kRounding = 0.25;

// Calls f(m0, m1, p0, p1, worker) for parts of m rows and the panels of n columns, on the pool where it is worth it.
template <class F>
void in_parts(size_t m, size_t n, size_t k, ThreadPool* pool, F f, double entry = 0) {
  const size_t panels = (n + kPanel - 1) / kPanel, blocks = (m + kRows - 1) / kRows;
  const size_t threads = pool ? pool->threads() : 1, work = m * n * k;
  if (threads == 1 || work < kLeast) return f(0, m, 0, panels, 0);
  const size_t one = std::max<size_t>(1, work / (blocks * panels));
  const Parts parts = work < kGrain ? Parts{1, std::min<size_t>(2, panels)} : choose_parts(blocks, panels, threads, (kGrain / 2 + one - 1) / one, entry);
  parallel(pool, parts.rows * parts.panels, [&](size_t t, size_t worker) {
    const size_t r = t / parts.panels, p = t % parts.panels;
    f(blocks * r / parts.rows * kRows, std::min(m, blocks * (r + 1) / parts.rows * kRows), panels * p / parts.panels, panels * (p + 1) / parts.panels, worker);
  });
}

// Calls f(item, worker, pool) for products of `work` multiplications in all: each on the pool where they are few, else on a thread of
// its own, without one; in even shares, of so much work at least.
template <class F>
void in_items(int64_t items, int64_t work, ThreadPool* pool, F f) {
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  if (items < std::max<int64_t>(2, threads)) {
    for (int64_t i = 0; i < items; ++i) f(i, size_t{0}, pool);
    return;
  }
  const int64_t tasks = std::clamp<int64_t>(work / static_cast<int64_t>(kLeast), 1, std::min(items, 4 * threads));
  parallel(pool, static_cast<size_t>(tasks), [&](size_t t, size_t worker) {
    for (int64_t i = items * static_cast<int64_t>(t) / tasks; i < items * static_cast<int64_t>(t + 1) / tasks; ++i) f(i, worker, static_cast<ThreadPool*>(nullptr));
  });
}

}  // namespace portfire::gemm
