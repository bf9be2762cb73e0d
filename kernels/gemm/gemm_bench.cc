// Products with packed weights against the machine's roof. ninja portfire_gemm_bench; the columns "peak" and "memory" are
// shares of what kernels/roof.h measures as the program starts.
#include <vector>

#include <benchmark/benchmark.h>

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

void product(benchmark::State& state) {
  const auto m = static_cast<size_t>(state.range(0)), n = static_cast<size_t>(state.range(1)), k = static_cast<size_t>(state.range(2));
  const Roof& r = roof();
  const std::vector<float> a(m * k, 0.5f), b(n * k, 0.25f);
  std::vector<float> packed(packed_size(k, n)), c(m * n);
  pack(b.data(), 1, static_cast<int64_t>(k), k, n, packed.data());
  const Gemm g{n, k, a.data(), static_cast<int64_t>(k), packed.data(), c.data(), static_cast<int64_t>(n), {}};
  for (auto _ : state) {
    run_parallel(g, m, nullptr);
    benchmark::ClobberMemory();
  }
  const double runs = static_cast<double>(state.iterations());
  state.counters["peak"] = benchmark::Counter(runs * 2e0 * static_cast<double>(m * n * k) / r.flops, benchmark::Counter::kIsRate);
  state.counters["memory"] = benchmark::Counter(runs * 4e0 * static_cast<double>(n * k) / r.bandwidth, benchmark::Counter::kIsRate);
}

void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t m : {1, 4, 32, 128, 1024})
    for (const int64_t n : {384, 1024, 1536, 4096})
      for (const int64_t k : {384, 1024, 1536, 4096}) b->Args({m, n, k});
}
BENCHMARK(product)->Apply(sizes)->ArgNames({"m", "n", "k"})->Unit(benchmark::kMicrosecond)->MinTime(0.1);

}  // namespace
}  // namespace portfire::gemm

BENCHMARK_MAIN();
