#include "kernels/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

namespace portfire {
namespace {

TEST(ThreadPool, RunsEveryTaskOnceInEveryLoop) {
  ThreadPool pool(4);
  ASSERT_EQ(pool.threads(), 4u);
  std::vector<std::atomic<int>> counts(37);
  for (int loop = 1; loop <= 2000; ++loop) {
    parallel(&pool, counts.size(), [&](size_t task, size_t worker) {
      ASSERT_LT(worker, 4u);
      ++counts[task];
    });
    for (std::atomic<int>& c : counts) ASSERT_EQ(c.load(), loop);
  }
}

TEST(ThreadPool, WorkersSeeWhatTheCallerWrote) {
  ThreadPool pool(3);
  int plain = 0;  // written between loops without synchronisation of its own
  for (int loop = 0; loop < 500; ++loop) {
    plain = loop;
    std::atomic<int> wrong = 0;
    parallel(&pool, 8, [&](size_t, size_t) { wrong += plain != loop; });
    ASSERT_EQ(wrong.load(), 0);
  }
}

TEST(ThreadPool, WakesFromSleep) {
  ThreadPool pool(2);
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::atomic<int> done = 0;
    parallel(&pool, 5, [&](size_t, size_t) { ++done; });
    ASSERT_EQ(done.load(), 5);
  }
}

TEST(ThreadPool, TwoCallersAtOnce) {
  ThreadPool pool(3);
  auto caller = [&](int* wrong) {
    for (int loop = 0; loop < 300; ++loop) {
      std::vector<std::atomic<int>> counts(11);
      parallel(&pool, counts.size(), [&](size_t task, size_t) { ++counts[task]; });
      for (std::atomic<int>& c : counts) *wrong += c.load() != 1;
    }
  };
  int a = 0, b = 0;
  std::thread other(caller, &b);
  caller(&a);
  other.join();
  EXPECT_EQ(a + b, 0);
}

TEST(ThreadPool, OneThreadIsTheCaller) {
  ThreadPool pool(1);
  const std::thread::id me = std::this_thread::get_id();
  parallel(&pool, 4, [&](size_t, size_t worker) {
    EXPECT_EQ(worker, 0u);
    EXPECT_EQ(std::this_thread::get_id(), me);
  });
}

}  // namespace
}  // namespace portfire
