// `portfire profile`: what each instruction of a method takes, and what it could take on this machine.
#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/inputs.h"
#include "cli/open_program.h"
#include "cli/precision.h"
#include "cli/profile.h"
#include "cli/recorder.h"
#include "kernels/roof.h"
#include "kernels/thread_pool.h"

namespace portfire::cli {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

constexpr size_t kMostEvents = 4 << 20;   // of memory: 24 bytes each
constexpr size_t kRoofFloats = 64 << 20;  // 256 MiB

// Runs until the time is over; gives the median time of a run.
Result<double> record(Method& m, const std::vector<Array>& inputs, double seconds, Recorder* recorder) {
  std::vector<double> times;
  size_t events = 0;  // of one run
  for (int warm = 0; warm < 2; ++warm) {
    recorder->clear();
    recorder->begin_run();
    PF_TRY(set_inputs(m, inputs));
    PF_TRY(m.execute(recorder->hook()));
    events = recorder->events().size();
  }
  recorder->clear();
  const auto begin = Clock::now();
  while (times.size() < 5 || (seconds_since(begin) < seconds && times.size() < 100000 && recorder->events().size() + events < kMostEvents)) {
    if (times.size() % 256 == 0) recorder->reserve(256 * events);
    recorder->begin_run();
    PF_TRY(set_inputs(m, inputs));
    const auto start = Clock::now();
    PF_TRY(m.execute(recorder->hook()));
    times.push_back(seconds_since(start) * 1e6);
  }
  return median(times);
}

// The time that each instruction took, the median over runs; where a loop repeats it, the sum in a run.
std::vector<double> medians(const Recorder& recorder, size_t instructions) {
  std::vector<std::vector<double>> times(instructions, std::vector<double>(recorder.runs()));
  for (const Recorder::Event& e : recorder.events()) times[e.instruction][e.run] += static_cast<double>(e.duration) / 1e3;
  std::vector<double> result;
  for (std::vector<double>& t : times) result.push_back(median(t));
  return result;
}

}  // namespace

Result<Profile> measure_profile(const ProfileOptions& o) {
  Profile p{o.model, o.method};
  p.pool = std::make_unique<ThreadPool>(static_cast<size_t>(o.threads));
  p.threads = p.pool->threads();
  {
    const std::vector<float> memory(kRoofFloats, 1.0f);
    p.bytes_roof = measure_bandwidth(p.pool.get(), memory);
    p.flops_roof = measure_flops(p.pool.get());
  }
  PF_ASSIGN(std::shared_ptr<const Program> program, open_program(o.model, o.data));
  Recorder recorder;
  Method::Options options;
  options.pool = p.pool.get();
  Result<std::unique_ptr<Method>> method = Method::load(program, o.method, options);
  if (!method.ok()) return method.error().at(o.model.c_str());
  p.loaded = *std::move(method);
  Method& m = *p.loaded;
  note_precision(m);
  PF_ASSIGN(const std::vector<Array> inputs, read_inputs(m, o.inputs));
  PF_ASSIGN(p.run_us, record(m, inputs, o.seconds, &recorder));
  p.runs = recorder.runs();
  const std::vector<double> times = medians(recorder, m.instruction_count());
  std::vector<size_t> calls(times.size());
  for (const Recorder::Event& e : recorder.events()) ++calls[e.instruction];
  for (size_t i = 0; i < times.size(); ++i) {
    p.rows.push_back({m.instruction(i), {}, times[i]});
    const double repeats = static_cast<double>(calls[i]) / static_cast<double>(p.runs);
    const Cost once = cost_of(p.rows[i].instruction);
    p.rows[i].cost = {once.flops * repeats, once.bytes * repeats};
  }
  p.sum_up();
  if (!o.trace.empty()) PF_TRY(write_trace(o.trace, m, o.model + " " + o.method, recorder));
  return p;
}

int profile(const ProfileOptions& options) {
  const Result<Profile> p = measure_profile(options);
  if (!p.ok()) return report(p.error());
  options.json ? print_json(*p) : print_table(*p);
  return 0;
}

}  // namespace portfire::cli
