// aten::sort of long rows by digits (least significant first, Knuth 5.2.5): keys are whole numbers in the order of
// the elements, so each pass is a count and a move, and equal elements keep their order. Digits in which all keys
// agree cost nothing; keys count from the least one.
#include <algorithm>
#include <limits>

#include "kernels/index/keys.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "ops/rows.h"
#include "ops/strips.h"

namespace portfire::index {
namespace {

constexpr int64_t kShortest = 64;  // comparing is as good below
constexpr int64_t kStrip = static_cast<int64_t>(pointwise::kStrip);

// The items in order, in `a` or `b`.
template <class K>
Item<K>* sort_items(Item<K>* a, Item<K>* b, int64_t n) {
  constexpr int kDigits = sizeof(K);
  uint32_t counts[kDigits][256] = {};
  for (int64_t i = 0; i < n; ++i)
    for (int d = 0; d < kDigits; ++d) ++counts[d][a[i].key >> (8 * d) & 255];
  for (int d = 0; d < kDigits; ++d) {
    if (counts[d][a[0].key >> (8 * d) & 255] == static_cast<uint32_t>(n)) continue;
    uint32_t next[256], sum = 0;
    for (int v = 0; v < 256; ++v) {
      next[v] = sum;
      sum += counts[d][v];
    }
    for (int64_t i = 0; i < n; ++i) b[next[a[i].key >> (8 * d) & 255]++] = a[i];
    std::swap(a, b);
  }
  return a;
}

struct Places {
  size_t dim, descending;  // arguments
};
constexpr Places kSortPlaces = {1, 2}, kStablePlaces = {2, 3};

template <class T>
void run_as(const Operands& o, int dim, bool descending, const KernelContext& context) {
  using K = Key<T>;
  const TensorView &x = o.in(0), &values = o.out(0), &places = o.out(1);
  const int64_t n = x.size(dim), step = x.strides[dim];
  bool mask[kMaxRank] = {};
  mask[dim] = true;
  const TensorView outs[] = {values, places};
  const auto load = pointwise::load_fn(x.dtype);
  const auto keys_of = keys_fn<T>();
  auto* const first = reinterpret_cast<Item<K>*>(context.scratch.data());
  ops::ReducedRows(x, mask).for_each(std::span(outs), true, [&](int64_t from, const int64_t* to) {
    alignas(64) T strip[kStrip];
    alignas(64) K keys[kStrip];
    K least = std::numeric_limits<K>::max();
    for (int64_t i = 0; i < n; i += kStrip) {
      const int64_t count = std::min(kStrip, n - i);
      load(strip, x.as<std::byte>() + (from + i * step) * static_cast<int64_t>(byte_size(x.dtype)), step, static_cast<size_t>(count));
      least = std::min(least, keys_of(keys, strip, static_cast<size_t>(count), descending));
      for (int64_t j = 0; j < count; ++j) first[i + j] = {keys[j], static_cast<uint32_t>(i + j)};
    }
    for (int64_t i = 0; i < n; ++i) first[i].key -= least;
    const Item<K>* sorted = sort_items(first, first + n, n);
    int64_t* index = places.as<int64_t>() + to[1];
    ops::with_bits(x.dtype, [&](auto tag) {
      using B = decltype(tag);
      const B* in = x.as<const B>() + from;
      B* out = values.as<B>() + to[0];
      for (int64_t i = 0; i < n; ++i) {
        out[i * values.strides[dim]] = in[sorted[i].index * step];
        index[i * places.strides[dim]] = sorted[i].index;
      }
    });
  });
}

template <const Places& kPlaces>
bool prepare(const Operands& o, void*, size_t* scratch) {
  const TensorView& x = o.in(0);
  int dim;
  if (x.rank() == 0 || is_complex(x.dtype) || x.dtype == DType::u16 || x.dtype == DType::u32 || x.dtype == DType::u64 ||
      ops::wrap_dim(o.args[kPlaces.dim]->integer, x.rank(), &dim) || o.out(1).dtype != DType::i64)
    return false;
  const int64_t n = x.size(dim);
  if (n < kShortest || n > std::numeric_limits<uint32_t>::max() || x.numel() == 0) return false;
  const bool wide = x.dtype == DType::f64 || x.dtype == DType::i64;
  *scratch = 2 * static_cast<size_t>(n) * (wide ? sizeof(Item<uint64_t>) : sizeof(Item<uint32_t>));
  return true;
}
template <const Places& kPlaces>
Error run(const void*, const Operands& o, const KernelContext& context) {
  int dim;
  PF_TRY(ops::wrap_dim(o.args[kPlaces.dim]->integer, o.in(0).rank(), &dim));
  const bool descending = o.args[kPlaces.descending]->boolean;
  switch (pointwise::class_of(o.in(0).dtype)) {
    case pointwise::Class::f32: run_as<float>(o, dim, descending, context); break;
    case pointwise::Class::f64: run_as<double>(o, dim, descending, context); break;
    case pointwise::Class::i64: run_as<int64_t>(o, dim, descending, context); break;
    case pointwise::Class::i32: run_as<int32_t>(o, dim, descending, context); break;
    case pointwise::Class::i8: run_as<int8_t>(o, dim, descending, context); break;
    case pointwise::Class::u8: run_as<uint8_t>(o, dim, descending, context); break;
  }
  return {};
}

}  // namespace

extern const Kernel kSort, kSortStable;
const Kernel kSort = {"aten::sort", 0, prepare<kSortPlaces>, run<kSortPlaces>};
const Kernel kSortStable = {"aten::sort.stable", 0, prepare<kStablePlaces>, run<kStablePlaces>};

}  // namespace portfire::index
