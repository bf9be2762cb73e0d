// Products with packed weights against the machine's roof. ninja portfire_gemm_bench; the columns "peak" and "memory" are
// shares of what kernels/roof.h measures as the program starts.
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/gemm/bf16.h"
#include "kernels/gemm/blocked.h"
#include "kernels/gemm/gemm.h"
#include "kernels/roof.h"

namespace portfire::gemm {
namespace {

struct Roof {
  double flops, bandwidth;
};
const Roof& roof() {
  static const Roof measured = [] {
    const std::vector<float> memory(64 << 20, 1.0f);
    return Roof{measure_flops(nullptr), measure_bandwidth(nullptr, memory)};
  }();
  return measured;
}

void count(benchmark::State& state, size_t products, size_t bytes) {
  const double runs = static_cast<double>(state.iterations());
  state.counters["peak"] = benchmark::Counter(runs * 2e0 * static_cast<double>(products) / roof().flops, benchmark::Counter::kIsRate);
  state.counters["memory"] = benchmark::Counter(runs * static_cast<double>(bytes) / roof().bandwidth, benchmark::Counter::kIsRate);
}

void product(benchmark::State& state) {
  const auto m = static_cast<size_t>(state.range(0)), n = static_cast<size_t>(state.range(1)), k = static_cast<size_t>(state.range(2));
  roof();
  const std::vector<float> a(m * k, 0.5f), b(n * k, 0.25f);
  std::vector<float> packed(packed_size(k, n)), c(m * n);
  pack(b.data(), 1, static_cast<int64_t>(k), k, n, packed.data());
  const Gemm g{n, k, a.data(), static_cast<int64_t>(k), packed.data(), c.data(), static_cast<int64_t>(n), {}};
  for (auto _ : state) {
    run_parallel(g, m, nullptr);
    benchmark::ClobberMemory();
  }
  count(state, m * n * k, n * k * sizeof(float));
}

void bf16(benchmark::State& state) {
  const auto m = static_cast<size_t>(state.range(0)), n = static_cast<size_t>(state.range(1)), k = static_cast<size_t>(state.range(2));
  roof();
  const std::vector<float> a(m * k, 0.5f);
  const std::vector<uint16_t> packed((n + kPairPanel - 1) / kPairPanel * pair_panel_size(k), 0x3e80);
  std::vector<float> c(m * n);
  std::vector<std::byte> scratch(bf16_scratch_bytes(m) + 64);
  std::byte* aligned = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64);
  const Gemm g{n, k, a.data(), static_cast<int64_t>(k), nullptr, c.data(), static_cast<int64_t>(n), {}};
  for (auto _ : state) {
    run_parallel(g, {packed.data(), aligned}, m, nullptr);
    benchmark::ClobberMemory();
  }
  count(state, m * n * k, n * k * sizeof(uint16_t));
}

// A product whose sides are only known at run time, of a left side that is m x k (turned = 0) or k x m.
void blocked(benchmark::State& state) {
  const auto m = static_cast<size_t>(state.range(0)), n = static_cast<size_t>(state.range(1)), k = static_cast<size_t>(state.range(2));
  const bool turned = state.range(3) != 0;
  roof();
  const std::vector<float> a(m * k, 0.5f), b(n * k, 0.25f);
  std::vector<float> c(m * n);
  const auto rows = static_cast<int64_t>(m), columns = static_cast<int64_t>(n), depth = static_cast<int64_t>(k);
  const Left left{a.data(), turned ? 1 : depth, turned ? rows : 1};
  const Blocked g{m, n, k, left, {b.data(), columns, 1}, c.data(), columns, {}};
  std::vector<float> scratch(blocked_scratch(m, n, k, left));
  for (auto _ : state) {
    run_parallel(g, scratch.data(), nullptr);
    benchmark::ClobberMemory();
  }
  count(state, m * n * k, n * k * sizeof(float));
}

void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t m : {1, 2, 4, 8, 12, 16, 24, 32, 128, 1024})
    for (const int64_t n : {384, 1024, 1536, 4096})
      for (const int64_t k : {384, 1024, 1536, 4096}) b->Args({m, n, k});
}
BENCHMARK(product)->Apply(sizes)->ArgNames({"m", "n", "k"})->Unit(benchmark::kMicrosecond)->MinTime(0.1);
BENCHMARK(blocked)
    ->ArgsProduct({{128, 512}, {128, 512}, {512}, {0, 1}})
    ->ArgNames({"m", "n", "k", "turned"})
    ->Unit(benchmark::kMicrosecond)
    ->MinTime(0.1);
BENCHMARK(bf16)->Apply(sizes)->ArgNames({"m", "n", "k"})->Unit(benchmark::kMicrosecond)->MinTime(0.1);

}  // namespace
}  // namespace portfire::gemm

BENCHMARK_MAIN();
