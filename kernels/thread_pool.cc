#include "kernels/thread_pool.h"

#include <algorithm>
#include <chrono>

namespace portfire {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// How long a thread looks for work before it sleeps: about what waking it costs, some 10 us of the caller's time and as
// much until it runs. By the clock, for a `pause` takes 10 to 140 cycles, depending on the machine.
constexpr microseconds kLooking(30);
// A loop that takes less than this is not worth waking anybody for: where loops usually do, the caller begins alone, and
// calls for help when it has been at it for kAlone.
constexpr microseconds kWorthWaking(40), kAlone(20);
// Who waits for so much longer than a task takes, waits for a thread that has lost its core to another process. That will
// happen again as long as the process is there: loops run on the caller alone for a while, twice as long each time.
constexpr microseconds kLost(500), kLeastRetreat(10'000), kMostRetreat(160'000);

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Whether `done` came true while looking.
template <class F>
bool look(F done) {
  const auto end = Clock::now() + kLooking;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      pause();
    }
  } while (Clock::now() < end);
  return done();
}

}  // namespace

ThreadPool& process_pool() {
  static ThreadPool pool(0);
  return pool;
}

ThreadPool::ThreadPool(size_t threads) {
  if (threads == 0) threads = std::thread::hardware_concurrency();
  threads = std::min(threads, kMaxThreads);
  for (size_t i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  wakes_.fetch_add(1);
  wakes_.notify_all();
  for (std::thread& t : workers_) t.join();
}

void ThreadPool::run(size_t tasks, Fn fn, void* context) {
  if (tasks == 0) return;
  const bool mine = !taken_.exchange(true, std::memory_order_acquire);
  const auto start = Clock::now();
  if (!mine || start < alone_until_) {
    for (size_t t = 0; t < tasks; ++t) fn(context, t, 0);
    if (mine) taken_.store(false, std::memory_order_release);
    return;
  }
  // The loop before has ended: nothing is unclaimed, so nobody reads these.
  fn_ = fn;
  context_ = context;
  next_.store(0, std::memory_order_relaxed);
  last_.store(static_cast<uint32_t>(tasks), std::memory_order_relaxed);
  unfinished_.store(static_cast<uint32_t>(tasks), std::memory_order_relaxed);
  unclaimed_.store(static_cast<uint32_t>(tasks), std::memory_order_release);
  wakes_.fetch_add(1);
  const size_t done = work_off(start);
  const auto ended = [&] { return unfinished_.load(std::memory_order_acquire) == 0; };
  if (!ended()) {
    const auto idle = Clock::now();
    if (!look(ended)) {
      while (!ended()) std::this_thread::yield();
      note_wait(Clock::now() - idle, done ? (idle - start) / static_cast<int64_t>(done) : Clock::duration::max());
    }
  }
  taken_.store(false, std::memory_order_release);
}

// The caller's part of a loop; how many tasks that was.
size_t ThreadPool::work_off(Clock::time_point start) {
  size_t done = 0;
  const bool asleep = sleeping_.load() != 0;  // threads that look for work find it by themselves
  bool woken = !asleep || usual_ > kWorthWaking;
  if (asleep && woken) wake();
  while (step(0)) {
    ++done;
    if (!woken && Clock::now() - start > kAlone) {
      wake();
      woken = true;
    }
  }
  if (asleep) usual_ = (usual_ + (Clock::now() - start)) / 2;
  return done;
}

void ThreadPool::note_wait(Clock::duration waited, Clock::duration task) {
  if (waited < kLost || waited / 2 < task) return;
  const auto now = Clock::now();
  const bool again = now - alone_until_ < 4 * retreat_;
  retreat_ = again ? std::min<Clock::duration>(2 * retreat_, kMostRetreat) : kLeastRetreat;
  alone_until_ = now + retreat_;
}

// No more threads than there are tasks for: the caller takes one too.
void ThreadPool::wake() {
  const size_t unclaimed = unclaimed_.load(std::memory_order_relaxed), looking = workers_.size() - sleeping_.load();
  if (unclaimed > workers_.size()) return wakes_.notify_all();
  for (size_t i = looking + 1; i < unclaimed; ++i) wakes_.notify_one();
}

// Claims a task and runs it; false where none is left. Which one: half of the threads take the first of what is left, half
// the last. So a thread works on about the same part in one loop as in the next, which is in its own caches.
bool ThreadPool::step(size_t worker) {
  uint32_t left = unclaimed_.load(std::memory_order_acquire);
  do {
    if (left == 0) return false;
  } while (!unclaimed_.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel, std::memory_order_acquire));
  const uint32_t task = worker % 2 ? last_.fetch_sub(1, std::memory_order_relaxed) - 1 : next_.fetch_add(1, std::memory_order_relaxed);
  fn_(context_, task, worker);
  unfinished_.fetch_sub(1, std::memory_order_release);
  return true;
}

void ThreadPool::work(size_t worker) {
  for (;;) {
    const uint32_t wakes = wakes_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_acquire)) return;  // after `wakes`: a stop that comes later changes it
    while (step(worker)) {}
    if (look([&] { return wakes_.load(std::memory_order_acquire) != wakes; })) continue;
    sleeping_.fetch_add(1);
    wakes_.wait(wakes, std::memory_order_acquire);
    sleeping_.fetch_sub(1);
  }
}

}  // namespace portfire
