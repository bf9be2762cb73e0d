// aten::searchsorted of numbers of one dtype among rows that lie together: the search halves what is left without
// asking which half, for a few values at a time, as each step waits for the one before. (Gathers are slower on Zen.)
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/rows.h"
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

constexpr int64_t kAtOnce = 4;

// All bits, or none. What compares with NaN counts as smaller, which is no order: the items that are looked at are those
// of the reference.
template <bool right, class T>
[[gnu::always_inline]] inline int64_t before(T value, T item) {
  return -static_cast<int64_t>(right ? !(item > value) : !(item >= value));
}

// The items [from, from + left) among which a value belongs.
template <class T>
struct Part {
  const T* from;
  int64_t left;

  template <bool right>
  [[gnu::always_inline]] void halve(T value) {
    const int64_t half = left / 2, taken = before<right>(value, from[half]);
    from += (half + 1) & taken;
    left = half - ((1 - (left & 1)) & taken);  // left - half - 1, or half
  }
};

// How many of the n > 0 items come before each value. After s steps n / 2^s are left, or one less: in all steps but the
// last there is an item to look at.
template <bool right, int64_t count, class T>
void find(const T* row, int64_t n, const T* values, int64_t* found) {
  Part<T> parts[count];
  for (int64_t k = 0; k < count; ++k) parts[k] = {row, n};
  for (int64_t most = n; most > 1; most /= 2)
    for (int64_t k = 0; k < count; ++k) parts[k].template halve<right>(values[k]);
  // Where none is, the value came after an item.
  for (int64_t k = 0; k < count; ++k) found[k] = parts[k].from - row + (parts[k].left & before<right>(values[k], parts[k].from[parts[k].left - 1]));
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
      int64_t j = 0;
      for (; j + kAtOnce <= count; j += kAtOnce) find<right, kAtOnce>(items, n, values + j, found + j);
      for (; j < count; ++j) find<right, 1>(items, n, values + j, found + j);
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
  if (o.in(0).numel() == 0) {
    ops::fill_view(o.out(0), int64_t{0});
    return {};
  }
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
