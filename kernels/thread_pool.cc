#include "kernels/thread_pool.h"

#include <algorithm>

namespace portfire {
namespace {

// How long a thread looks for work before it sleeps: a few microseconds, about the gap between two
// operators of a running model.
constexpr int kSpins = 2000;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
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
  if (taken_.exchange(true, std::memory_order_acquire)) {
    for (size_t t = 0; t < tasks; ++t) fn(context, t, 0);
    return;
  }
  // The loop before has ended: nothing is unclaimed, so nobody reads these.
  fn_ = fn;
  context_ = context;
  tasks_ = tasks;
  unfinished_.store(static_cast<uint32_t>(tasks), std::memory_order_relaxed);
  unclaimed_.store(static_cast<uint32_t>(tasks), std::memory_order_release);
  wakes_.fetch_add(1, std::memory_order_release);
  wakes_.notify_all();
  drain(0);
  for (int spin = 0; unfinished_.load(std::memory_order_acquire) != 0; ++spin) {
    if (spin < kSpins)
      pause();
    else
      std::this_thread::yield();
  }
  taken_.store(false, std::memory_order_release);
}

void ThreadPool::drain(size_t worker) {
  uint32_t left = unclaimed_.load(std::memory_order_acquire);
  while (left != 0) {
    if (!unclaimed_.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
    fn_(context_, tasks_ - left, worker);
    unfinished_.fetch_sub(1, std::memory_order_release);
    left = unclaimed_.load(std::memory_order_acquire);
  }
}

void ThreadPool::work(size_t worker) {
  for (;;) {
    const uint32_t wakes = wakes_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_acquire)) return;  // after `wakes`: a stop that comes later changes it
    drain(worker);
    for (int spin = 0; spin < kSpins && wakes_.load(std::memory_order_acquire) == wakes; ++spin) pause();
    wakes_.wait(wakes, std::memory_order_acquire);
  }
}

}  // namespace portfire
