// Loops that do nothing but multiply and add, or read.
#include "kernels/roof.h"

#include <algorithm>
#include <chrono>

#include "kernels/thread_pool.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/roof.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 12 sums that do not wait for each other: two units of latency 4 need 8, and with the factors 14 registers are in use.
// Each begins with another value, or they were one sum to the compiler. Gives the operations done.
double multiply_add(size_t rounds, float* sink) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, sink[0]), term = hn::Set(d, sink[1]);
  auto s0 = hn::Set(d, sink[2]), s1 = hn::Add(s0, term), s2 = hn::Add(s1, term), s3 = hn::Add(s2, term), s4 = hn::Add(s3, term),
       s5 = hn::Add(s4, term), s6 = hn::Add(s5, term), s7 = hn::Add(s6, term), s8 = hn::Add(s7, term), s9 = hn::Add(s8, term),
       s10 = hn::Add(s9, term), s11 = hn::Add(s10, term);
  for (size_t i = 0; i < rounds; ++i) {
    s0 = hn::MulAdd(s0, factor, term);
    s1 = hn::MulAdd(s1, factor, term);
    s2 = hn::MulAdd(s2, factor, term);
    s3 = hn::MulAdd(s3, factor, term);
    s4 = hn::MulAdd(s4, factor, term);
    s5 = hn::MulAdd(s5, factor, term);
    s6 = hn::MulAdd(s6, factor, term);
    s7 = hn::MulAdd(s7, factor, term);
    s8 = hn::MulAdd(s8, factor, term);
    s9 = hn::MulAdd(s9, factor, term);
    s10 = hn::MulAdd(s10, factor, term);
    s11 = hn::MulAdd(s11, factor, term);
  }
  const auto low = hn::Add(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), hn::Add(s4, s5));
  const auto high = hn::Add(hn::Add(hn::Add(s6, s7), hn::Add(s8, s9)), hn::Add(s10, s11));
  sink[3] = hn::GetLane(hn::Add(low, high));
  return 2.0 * 12 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

// Reads `count` floats as four streams, each with a sum of its own.
float read_all(const float* from, size_t count) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d), stream = count / 4 / (2 * lanes) * (2 * lanes);
  const float *a = from, *b = a + stream, *c = b + stream, *e = c + stream;
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  for (size_t i = 0; i < stream; i += 2 * lanes) {
    s0 = hn::Add(s0, hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, a + i + lanes)));
    s1 = hn::Add(s1, hn::Add(hn::LoadU(d, b + i), hn::LoadU(d, b + i + lanes)));
    s2 = hn::Add(s2, hn::Add(hn::LoadU(d, c + i), hn::LoadU(d, c + i + lanes)));
    s3 = hn::Add(s3, hn::Add(hn::LoadU(d, e + i), hn::LoadU(d, e + i + lanes)));
  }
  return hn::GetLane(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
namespace {

HWY_EXPORT(multiply_add);
HWY_EXPORT(read_all);

double seconds_since(std::chrono::steady_clock::time_point t) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
}

}  // namespace

double measure_flops(ThreadPool* pool) {
  const size_t threads = pool ? pool->threads() : 1;
  size_t rounds = 1 << 12;
  double best = 0;
  for (double spent = 0; spent < 0.03;) {
    double operations[ThreadPool::kMaxThreads] = {};
    const auto start = std::chrono::steady_clock::now();
    parallel(pool, threads, [&](size_t task, size_t) {
      // In this range sums neither grow without end nor become denormal.
      volatile float numbers[] = {0.5f, 0.25f, 0.125f, 0};
      float sink[] = {numbers[0], numbers[1], numbers[2], 0};
      operations[task] = HWY_DYNAMIC_DISPATCH(multiply_add)(rounds, sink);
      numbers[3] = sink[3];
    });
    const double time = seconds_since(start);
    spent += time;
    double sum = 0;
    for (double o : operations) sum += o;
    best = std::max(best, sum / time);
    if (time < 2e-3) rounds *= 2;  // waking threads must not count
  }
  return best;
}

double measure_bandwidth(ThreadPool* pool, std::span<const float> memory) {
  const size_t threads = pool ? pool->threads() : 1, share = memory.size() / threads;
  double best = 0;
  for (int pass = 0; pass < 5; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    parallel(pool, threads, [&](size_t task, size_t) {
      volatile float sum = HWY_DYNAMIC_DISPATCH(read_all)(memory.data() + task * share, share);
      static_cast<void>(sum);
    });
    best = std::max(best, static_cast<double>(share * threads * sizeof(float)) / seconds_since(start));
  }
  return best;
}

}  // namespace portfire
#endif
