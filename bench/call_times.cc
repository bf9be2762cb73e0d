// What a call costs from C++, of programs so small that the calling is the cost. Usage: portfire_call_times MODEL.pte...
//
// Prints one JSON object a line: model, instructions, and medians in ns of `portfire::Module::forward`, of setting the
// inputs of a Method and executing it, and of executing alone. Built on demand: ninja portfire_call_times.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "kernels/thread_pool.h"
#include "portfire/portfire.h"
#include "runtime/method.h"

namespace {

using Clock = std::chrono::steady_clock;

// The median over batches of the mean in one: a call is shorter than what a clock tells well.
template <class F>
double median_ns(F f) {
  auto batch = [&](int n) {
    const auto start = Clock::now();
    for (int i = 0; i < n; ++i) f();
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / n;
  };
  int calls = 1;
  while (batch(calls) * calls < 1e6) calls *= 2;  // a millisecond
  std::vector<double> times(200);
  for (double& t : times) t = batch(calls);
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

int fail(const portfire::Error& e) {
  fprintf(stderr, "portfire_call_times: %s\n", e.text());
  return 1;
}

int measure(const char* path, int threads) {
  portfire::Module::Options options;
  options.threads = threads;
  auto module = portfire::Module::open(path, options);
  if (!module.ok()) return fail(module.error());
  const auto types = module->inputs();
  if (!types.ok()) return fail(types.error());
  std::vector<std::vector<double>> memory;
  std::vector<portfire::TensorView> inputs;
  for (const portfire::TensorInfo& t : *types) {
    memory.emplace_back(static_cast<size_t>(t.shape.numel()) + 8);
    inputs.push_back(portfire::TensorView::of(memory.back().data(), t.dtype, t.shape.dims()));
  }
  bool ok = true;
  const double module_ns = median_ns([&] { ok &= module->forward(inputs).ok(); });

  portfire::ThreadPool pool(static_cast<size_t>(threads));
  const auto program = portfire::Program::open(path);
  if (!program.ok()) return fail(program.error());
  auto method = portfire::Method::load(*program, "forward", {&pool});
  if (!method.ok()) return fail(method.error());
  portfire::Method& m = **method;
  const double method_ns = median_ns([&] {
    for (size_t i = 0; i < inputs.size(); ++i) ok &= m.set_input(i, inputs[i]).ok();
    ok &= m.execute().ok();
  });
  const double execute_ns = median_ns([&] { ok &= m.execute().ok(); });
  if (!ok) return fail(m.execute());
  printf("{\"model\": \"%s\", \"threads\": %d, \"instructions\": %zu, \"module_ns\": %.1f, \"method_ns\": %.1f, \"execute_ns\": %.1f}\n", path,
         threads, m.instruction_count(), module_ns, method_ns, execute_ns);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    for (int threads : {1, 2})
      if (int code = measure(argv[i], threads)) return code;
}
