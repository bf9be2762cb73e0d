// A pool of threads that runs one parallel loop at a time. The caller works too. Idle threads sleep, and
// are woken where loops are long enough to be worth it. A thread that the system keeps from running holds
// nobody up: only tasks that were begun are waited for.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace portfire {

class ThreadPool {
 public:
  // Kernels plan their scratch memory for this many.
  static constexpr size_t kMaxThreads = 64;

  // `threads` counts the caller: 1 makes no thread. 0: as many as there are cores.
  explicit ThreadPool(size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const { return workers_.size() + 1; }

  // Calls fn(context, task, worker) for every task in [0, tasks), worker in [0, threads()); returns
  // when all are done. While one caller's loop runs, another's runs on its own thread alone.
  using Fn = void (*)(void* context, size_t task, size_t worker);
  void run(size_t tasks, Fn fn, void* context);

  template <class F>
  void run(size_t tasks, F& f) {
    run(tasks, [](void* c, size_t task, size_t worker) { (*static_cast<F*>(c))(task, worker); }, static_cast<void*>(&f));
  }

 private:
  using Clock = std::chrono::steady_clock;
  void work(size_t worker);
  bool step(size_t worker);
  size_t work_off(Clock::time_point start);
  void note_wait(Clock::duration waited, Clock::duration task);
  void wake();

  std::vector<std::thread> workers_;
  std::atomic<bool> taken_{false};
  // Of the loop that runs. They may be read after a claim, which keeps the loop from ending.
  Fn fn_ = nullptr;
  void* context_ = nullptr;
  // The caller's, while it has taken the pool: what loops take that begin while threads sleep, lately; until when loops
  // run on the caller alone, and for how long that was.
  Clock::duration usual_ = std::chrono::milliseconds(1);
  Clock::time_point alone_until_{};
  Clock::duration retreat_{};
  alignas(64) std::atomic<uint32_t> unclaimed_{0};
  alignas(64) std::atomic<uint32_t> next_{0}, last_{0};  // tasks [next_, last_) are nobody's
  alignas(64) std::atomic<uint32_t> unfinished_{0};
  alignas(64) std::atomic<uint32_t> wakes_{0};  // sleepers wait for it to change
  std::atomic<uint32_t> sleeping_{0};           // threads that wait for that, or are about to
  std::atomic<bool> stop_{false};
};

// The pool that a process has by default, a thread for each core; made when first asked for.
ThreadPool& process_pool();

// Runs f(task, worker) on the pool, or in order where there is none.
template <class F>
void parallel(ThreadPool* pool, size_t tasks, F&& f) {
  if (!pool || pool->threads() == 1 || tasks <= 1) {
    for (size_t t = 0; t < tasks; ++t) f(t, size_t{0});
    return;
  }
  pool->run(tasks, f);
}

}  // namespace portfire
