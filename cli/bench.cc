#include <algorithm>
#include <chrono>
#include <cstdio>

#include <fmt/format.h>
#include <sys/resource.h>

#include "cli/commands.h"
#include "cli/inputs.h"
#include "cli/open_program.h"
#include "cli/precision.h"
#include "kernels/thread_pool.h"
#include "runtime/method.h"

namespace portfire::cli {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point t) { return std::chrono::duration<double, std::milli>(Clock::now() - t).count(); }

// The most memory that this process has had resident. Not getrusage's ru_maxrss where there is better: a process takes that
// over from the one that forked it.
double peak_mib() {
  if (FILE* f = fopen("/proc/self/status", "r")) {
    char line[256];
    long kib = 0;
    while (fgets(line, sizeof line, f))
      if (sscanf(line, "VmHWM: %ld kB", &kib) == 1) break;
    fclose(f);
    if (kib > 0) return static_cast<double>(kib) / 1024;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

int bench(const BenchOptions& o) {
  const auto start = Clock::now();
  ThreadPool pool(static_cast<size_t>(o.threads));
  Result<std::shared_ptr<const Program>> program = open_program(o.model, o.data);
  if (!program.ok()) return report(program.error());
  Result<std::unique_ptr<Method>> loaded = Method::load(*program, o.method, {&pool});
  if (!loaded.ok()) return report(loaded.error().at(o.model.c_str()));
  const double load_ms = ms_since(start);
  note_precision(**loaded);
  Method& m = **loaded;
  const Result<std::vector<Array>> inputs = read_inputs(m, o.inputs);
  if (!inputs.ok()) return report(inputs.error());
  auto call = [&]() -> Error {
    PF_TRY(set_inputs(m, *inputs));
    return m.execute();
  };
  const auto first = Clock::now();
  if (Error e = call()) return report(e);
  const double first_ms = ms_since(first);
  std::vector<double> times;
  const auto begin = Clock::now();
  while (times.size() < 5 || (ms_since(begin) < o.seconds * 1e3 && times.size() < 100000)) {
    const auto t = Clock::now();
    if (Error e = call()) return report(e);
    times.push_back(ms_since(t));
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2], p99 = times[times.size() * 99 / 100], rss = peak_mib(),
               arena = static_cast<double>(m.arena_bytes()) / (1 << 20);
  if (o.json)
    fmt::print("{{\"model\": \"{}\", \"method\": \"{}\", \"threads\": {}, \"runs\": {}, \"median_ms\": {:.6f}, \"best_ms\": {:.6f}, \"p99_ms\": {:.6f}, "
               "\"load_ms\": {:.4f}, \"first_ms\": {:.4f}, \"peak_rss_mib\": {:.2f}, \"arena_mib\": {:.3f}}}\n",
               o.model, o.method, pool.threads(), times.size(), median, times[0], p99, load_ms, first_ms, rss, arena);
  else
    fmt::print("{} {}: median {:.3f} ms, best {:.3f} ms of {} runs; load {:.2f} ms, first {:.2f} ms; peak memory {:.1f} MiB, arena {:.2f} MiB\n",
               o.model, o.method, median, times[0], times.size(), load_ms, first_ms, rss, arena);
  return 0;
}

}  // namespace portfire::cli
