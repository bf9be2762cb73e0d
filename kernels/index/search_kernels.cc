// aten::searchsorted of numbers of one dtype among rows that lie together: the search halves what is left without
// asking which half, so that it waits for nothing but memory.
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/strips.h"

namespace portfire::index {
namespace {

constexpr int64_t kGrain = 4 << 10;  // numbers for each thread at least

bool prepare(const Operands& o, void*, size_t*) {
  const TensorView &rows = o.in(0), &x = o.in(1);
  const DType t = rows.dtype;
  if (x.dtype != t || (t != DType::f32 && t != DType::f64 && t != DType::i64 && t != DType::i32)) return false;
  return o.args[5]->kind == Value::Kind::none && rows.is_contiguous() && x.is_contiguous() && o.out(0).is_contiguous();
}

// How many of the n items come before the value; what compares with NaN counts as smaller, which is no order: the
// items that are looked at are those of the reference.
template <bool right, class T>
int64_t find(const T* row, int64_t n, T value) {
  const T* from = row;
  while (n > 0) {
    const int64_t half = n / 2;
    const T item = from[half];
    const int64_t before = -static_cast<int64_t>(right ? !(item > value) : !(item >= value));  // all bits, or none
    from += (half + 1) & before;
    n = half - ((1 - (n & 1)) & before);  // n - half - 1, or half
  }
  return from - row;
}

template <class T, bool right>
void run_as(const Operands& o, ThreadPool* pool) {
  const TensorView &rows = o.in(0), &x = o.in(1), &out = o.out(0);
  const int64_t n = rows.size(rows.rank() - 1), total = x.numel(), length = rows.rank() > 1 ? x.size(x.rank() - 1) : total;
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(total / kGrain, 1, threads * 2);
  parallel(pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    const auto t = static_cast<int64_t>(task);
    int64_t found[ops::kStrip];
    const int64_t end = total * (t + 1) / tasks;
    for (int64_t i = total * t / tasks; i < end;) {
      const int64_t row = i / length, count = std::min({end - i, (row + 1) * length - i, ops::kStrip});
      const T* items = rows.as<const T>() + row * n;
      const T* values = x.as<const T>() + i;
      for (int64_t j = 0; j < count; ++j) found[j] = find<right>(items, n, values[j]);
      ops::store(out, i, 1, count, found);
      i += count;
    }
  });
}

Error run(const void*, const Operands& o, const KernelContext& context) {
  const Args a(o.args);
  const bool right = a.boolean(3) || a.string(4) == "right";
  const auto as = [&](auto tag) {
    using T = decltype(tag);
    right ? run_as<T, true>(o, context.pool) : run_as<T, false>(o, context.pool);
  };
  if (o.in(1).numel() == 0) return {};
  switch (o.in(0).dtype) {
    case DType::f32: as(float()); break;
    case DType::f64: as(double()); break;
    case DType::i64: as(int64_t()); break;
    default: as(int32_t());
  }
  return {};
}

}  // namespace

extern const Kernel kSearchsorted;
const Kernel kSearchsorted = {"aten::searchsorted.Tensor", 0, prepare, run};

}  // namespace portfire::index
