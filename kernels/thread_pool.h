// A pool of threads that runs one parallel loop at a time. The caller works too. Idle threads sleep,
// and a thread that the system keeps from running holds nobody up: only tasks that were begun are
// waited for.
#pragma once

#include <atomic>
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
  void work(size_t worker);
  void drain(size_t worker);

  std::vector<std::thread> workers_;
  std::atomic<bool> taken_{false};
  // Of the loop that runs. They may be read after a claim, which keeps the loop from ending.
  Fn fn_ = nullptr;
  void* context_ = nullptr;
  size_t tasks_ = 0;
  alignas(64) std::atomic<uint32_t> unclaimed_{0};
  alignas(64) std::atomic<uint32_t> unfinished_{0};
  alignas(64) std::atomic<uint32_t> wakes_{0};  // sleepers wait for it to change
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
