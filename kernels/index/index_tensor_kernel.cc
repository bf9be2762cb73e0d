// aten::index where the numbers are those of neighbouring dimensions, in contiguous i64 tensors of one
// shape, and what follows those dimensions lies together: a run of elements for each place.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/index_reader.h"
#include "ops/rows.h"

namespace portfire::index {
namespace {

struct Plan {
  int first = 0, count = 0;         // the dimensions that are indexed
  int64_t places = 1, run = 1;      // numbers in each index; elements for each place
  int64_t outer = 1;                // indices of the dimensions before
};

constexpr int64_t kGrain = 16 << 10;  // elements for each thread at least

bool prepare(const Operands& o, void* state, size_t*) {
  Plan& p = *new (state) Plan;
  const TensorView& x = o.in(0);
  const auto indices = o.args[1]->tensors;
  const int given = static_cast<int>(indices.size());
  while (p.first < given && !indices[static_cast<size_t>(p.first)]) ++p.first;
  if (p.first == given || !o.out(0).is_contiguous()) return false;
  const TensorView& shape = *indices[static_cast<size_t>(p.first)];
  for (int d = p.first; d < given; ++d) {
    const TensorView* t = indices[static_cast<size_t>(d)];
    if (!t) {
      for (int after = d; after < given; ++after)
        if (indices[static_cast<size_t>(after)]) return false;
      break;
    }
    if (t->dtype != DType::i64 || !t->is_contiguous() || t->shape != shape.shape) return false;
    ++p.count;
  }
  p.places = shape.numel();
  for (int d = 0; d < p.first; ++d) p.outer *= x.size(d);
  for (int d = x.rank() - 1; d >= p.first + p.count; p.run *= x.size(d--))
    if (x.size(d) != 1 && x.strides[d] != p.run) return false;
  return true;
}

// The elements of one place.
template <class T>
void fetch(T* to, const T* from, int64_t run) {
  if (run == 1)
    *to = *from;
  else
    std::memcpy(to, from, static_cast<size_t>(run) * sizeof(T));
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const TensorView &x = o.in(0), &out = o.out(0);
  if (out.numel() == 0 && p.places == 0) return {};
  const int64_t *numbers[kMaxRank], units = p.outer * p.places;
  for (int k = 0; k < p.count; ++k) numbers[k] = o.args[1]->tensors[static_cast<size_t>(p.first + k)]->as<int64_t>();
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(units * p.run / kGrain, 1, std::max<int64_t>(1, std::min(units, threads * 2)));
  std::atomic<int64_t> wrong{-1};  // place * count + which of its numbers is out of range
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    const auto t = static_cast<int64_t>(task);
    const int64_t end = units * (t + 1) / tasks;
    ops::with_bits(x.dtype, [&](auto tag) {
      using T = decltype(tag);
      for (int64_t u = units * t / tasks; u < end;) {
        int64_t rest = u / p.places, base = 0;
        for (int d = p.first - 1; d >= 0; rest /= x.size(d--)) base += rest % x.size(d) * x.strides[d];
        const int64_t place = u % p.places, last = std::min(p.places, place + end - u);
        for (int64_t i = place; i < last; ++i, ++u) {
          int64_t from = base;
          for (int k = 0; k < p.count; ++k) {
            const int64_t n = x.size(p.first + k), number = numbers[k][i] < 0 ? numbers[k][i] + n : numbers[k][i];
            if (static_cast<uint64_t>(number) >= static_cast<uint64_t>(n)) {
              wrong = i * p.count + k;
              return;
            }
            from += number * x.strides[p.first + k];
          }
          fetch(out.as<T>() + u * p.run, x.as<const T>() + from, p.run);
        }
      }
    });
  });
  if (wrong < 0) return {};
  const int k = static_cast<int>(wrong % p.count), d = p.first + k;
  const ops::IndexReader reader(*o.args[1]->tensors[static_cast<size_t>(d)], x.size(d));
  return reader.out_of_range(reader.wrapped(wrong / p.count), d);
}

}  // namespace

extern const Kernel kIndexTensor;
const Kernel kIndexTensor = {"aten::index.Tensor", sizeof(Plan), prepare, run};

}  // namespace portfire::index
