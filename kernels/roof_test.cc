#include "kernels/roof.h"

#include <vector>

#include <gtest/gtest.h>

#include "kernels/thread_pool.h"

namespace portfire {
namespace {

// Any machine of the last twenty years, an emulated one included, lies between.
TEST(Roof, IsPlausible) {
  ThreadPool pool(2);
  const std::vector<float> memory(1 << 20, 1.0f);
  for (ThreadPool* p : {static_cast<ThreadPool*>(nullptr), &pool}) {
    EXPECT_GT(measure_flops(p), 1e6);
    EXPECT_LT(measure_flops(p), 1e14);
    EXPECT_GT(measure_bandwidth(p, memory), 1e6);
    EXPECT_LT(measure_bandwidth(p, memory), 1e14);
  }
}

}  // namespace
}  // namespace portfire
