// How products are cut: their depth into blocks that caches hold, their rows and panels into parts for threads.
#pragma once

#include <algorithm>

#include "kernels/gemm/gemm.h"
#include "kernels/thread_pool.h"

namespace portfire::gemm {

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

// So many multiplications are worth a part of their own; fewer than kLeast, a microsecond or so, not even a thread that is awake.
inline constexpr size_t kGrain = 1 << 18, kLeast = 1 << 15;

// Calls f(m0, m1, p0, p1, worker) for parts of m rows and the panels of n columns, on the pool where it is worth it.
template <class F>
void in_parts(size_t m, size_t n, size_t k, ThreadPool* pool, F f) {
  const size_t panels = (n + kPanel - 1) / kPanel, blocks = (m + kRows - 1) / kRows;
  const size_t threads = pool ? pool->threads() : 1, work = m * n * k;
  if (threads == 1 || work < kLeast) return f(0, m, 0, panels, 0);
  // Split the longer side; a few pieces for each thread even out what the others are doing.
  const size_t pieces = std::min(threads * 4, work < kGrain ? 2 : work / kGrain + 1);
  if (panels >= blocks) {
    const size_t tasks = std::min(pieces, panels);
    parallel(pool, tasks, [&](size_t t, size_t worker) { f(0, m, panels * t / tasks, panels * (t + 1) / tasks, worker); });
  } else {
    const size_t tasks = std::min(pieces, blocks);
    parallel(pool, tasks, [&](size_t t, size_t worker) {
      f(blocks * t / tasks * kRows, std::min(m, blocks * (t + 1) / tasks * kRows), 0, panels, worker);
    });
  }
}

}  // namespace portfire::gemm
