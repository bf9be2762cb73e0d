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

// Loops too short to wake anybody for run on the caller; longer ones that follow find help again.
TEST(ThreadPool, ShortLoopsLetThreadsSleep) {
  ThreadPool pool(2);
  const std::thread::id me = std::this_thread::get_id();
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); };
  for (int i = 0; i < 20; ++i) {  // what loops usually take comes down to nothing
    pause();
    parallel(&pool, 2, [](size_t, size_t) {});
  }
  std::atomic<int> elsewhere = 0;
  for (int i = 0; i < 20; ++i) {
    pause();
    parallel(&pool, 2, [&](size_t, size_t) { elsewhere += std::this_thread::get_id() != me; });
  }
  EXPECT_LT(elsewhere.load(), 10);  // none, but where the caller loses its core in the midst of a loop
  std::atomic<int> helped = 0;
  for (int i = 0; i < 50 && helped == 0; ++i)
    parallel(&pool, 8, [&](size_t, size_t worker) {
      helped += worker != 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
  EXPECT_GT(helped.load(), 0);
}

// A thread that keeps the caller waiting much longer than a task takes is left out for a while.
TEST(ThreadPool, RetreatsFromAThreadThatLosesItsCore) {
  ThreadPool pool(2);
  bool retreated = false;
  for (int i = 0; i < 20 && !retreated; ++i) {
    std::atomic<int> lost = 0;
    parallel(&pool, 16, [&](size_t, size_t worker) {
      lost += worker != 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(worker != 0 ? 20 : 1));
    });
    if (lost == 0) continue;
    std::atomic<int> elsewhere = 0;
    parallel(&pool, 16, [&](size_t, size_t worker) {
      elsewhere += worker != 0;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    });
    retreated = elsewhere == 0;
  }
  EXPECT_TRUE(retreated);
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
