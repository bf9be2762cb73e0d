// aten::histc of f32 and f64. The bins of a strip are found side by side; they are counted in several tables by turns,
// as elements next to each other often share a bin.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernel.h"
#include "kernels/pointwise/plain_loop.h"
#include "kernels/pointwise/steps.h"
#include "ops/rows.h"

namespace portfire::index {
namespace {

using pointwise::kStrip;
constexpr int64_t kTables = 4, kMostBins = 1 << 20;

bool prepare(const Operands& o, void*, size_t* scratch) {
  const int64_t bins = o.out(0).size(0);
  *scratch = static_cast<size_t>(kTables * (bins + 1)) * sizeof(int64_t);
  return bins <= kMostBins && o.out(0).is_contiguous() && (o.in(0).dtype == DType::f32 || o.in(0).dtype == DType::f64);
}

// Calls f(elements, n) for all of x.
template <class T, class F>
void each_strip(const TensorView& x, F f) {
  const auto load = pointwise::load_fn(x.dtype);
  alignas(64) T strip[kStrip];
  for (ops::Rows r(x.shape, {x.strides}); r.valid(); r.next())
    for (int64_t i = 0; i < r.length(); i += static_cast<int64_t>(kStrip)) {
      const auto n = std::min(static_cast<size_t>(r.length() - i), kStrip);
      load(strip, x.as<const T>() + r.offset(0) + i * r.step(0), r.step(0), n);
      f(strip, n);
    }
}

template <class T>
Error run_as(const Operands& o, const KernelContext& context) {
  const Args a(o.args);
  const TensorView &x = o.in(0), &out = o.out(0);
  const int64_t bins = out.size(0);
  double low = a.real(2), high = a.real(3);
  if (low == high && x.numel() > 0) {
    low = std::numeric_limits<double>::infinity(), high = -low;
    each_strip<T>(x, [&](const T* v, size_t n) {
      for (size_t i = 0; i < n; ++i) {
        low = v[i] < low ? static_cast<double>(v[i]) : low;
        high = v[i] > high ? static_cast<double>(v[i]) : high;
      }
    });
  }
  if (low == high) low -= 1, high += 1;
  if (!(low < high) || std::isinf(high - low)) return Error::make(Code::bad_argument, "bins from %g to %g", low, high);
  const double width = high - low, parts = static_cast<double>(bins);
  const auto last = static_cast<int32_t>(bins - 1);
  auto* const counts = reinterpret_cast<int64_t*>(context.scratch.data());
  std::fill_n(counts, kTables * (bins + 1), int64_t{0});
  each_strip<T>(x, [&](const T* v, size_t n) {
    int32_t bin[kStrip];
    PF_PLAIN_LOOP
    for (size_t i = 0; i < n; ++i) {
      const double real = static_cast<double>(v[i]), at = (real - low) / width * parts;
      const bool in = (real >= low) & (real <= high);
      const auto whole = static_cast<int32_t>(in ? at : parts);  // beyond the last: counted, and not looked at
      bin[i] = (in & (whole > last)) ? last : whole;
    }
    for (size_t i = 0; i < n; ++i) ++counts[static_cast<int64_t>(i) % kTables * (bins + 1) + bin[i]];
  });
  // T counts no further than its significand.
  const int64_t most = int64_t{1} << std::numeric_limits<T>::digits;
  for (int64_t b = 0; b < bins; ++b) {
    int64_t total = 0;
    for (int64_t t = 0; t < kTables; ++t) total += counts[t * (bins + 1) + b];
    out.as<T>()[b] = static_cast<T>(std::min(total, most));
  }
  return {};
}

Error run(const void*, const Operands& o, const KernelContext& context) {
  return o.in(0).dtype == DType::f64 ? run_as<double>(o, context) : run_as<float>(o, context);
}

}  // namespace

extern const Kernel kHistc;
const Kernel kHistc = {"aten::histc", 0, prepare, run};

}  // namespace portfire::index
