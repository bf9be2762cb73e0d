// aten::arange, whose numbers are counted strip by strip.
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/strips.h"

namespace portfire::copy {
namespace {

constexpr int64_t kGrain = 64 << 10;  // numbers for each thread at least

bool prepare(const Operands& o, void*, size_t*) { return !is_complex(o.out(0).dtype); }

Error run(const void*, const Operands& o, const KernelContext& context) {
  const Args a(o.args);
  const Scalar start = a.scalar(0), step = a.scalar(2);
  const TensorView& out = o.out(0);
  // As ops/range.cc: an integer dtype rounds start and step before counting.
  const bool whole = is_integral(out.dtype), exact = !is_floating(out.dtype) && !start.is_real() && !step.is_real();
  const double from = whole ? static_cast<double>(start.as_int()) : start.as_double();
  const double by = whole ? static_cast<double>(step.as_int()) : step.as_double();
  const int64_t n = out.size(0), threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(n / kGrain, 1, threads);
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    const auto t = static_cast<int64_t>(task);
    const int64_t end = n * (t + 1) / tasks;
    const auto count = [&](auto value) {
      decltype(value(int64_t{})) strip[ops::kStrip];
      for (int64_t i = n * t / tasks; i < end; i += ops::kStrip) {
        const int64_t length = std::min(end - i, ops::kStrip);
        for (int64_t j = 0; j < length; ++j) strip[j] = value(i + j);
        ops::store(out, i * out.strides[0], out.strides[0], length, strip);
      }
    };
    if (exact)
      count([&](int64_t i) { return static_cast<int64_t>(static_cast<uint64_t>(start.i) + static_cast<uint64_t>(i) * static_cast<uint64_t>(step.i)); });
    else
      count([&](int64_t i) { return from + static_cast<double>(i) * by; });
  });
  return {};
}

}  // namespace

extern const Kernel kArange;
const Kernel kArange = {"aten::arange.start_step", 0, prepare, run};

}  // namespace portfire::copy
