#include "ops/kv_cache.h"

#include "ops/index_reader.h"
#include "ops/rows.h"

namespace portfire::ops::kv_cache {
namespace {

TensorSpec placeholder_of(const TensorView& value) {
  TensorSpec out{value.dtype, {}};
  out.shape.push(1);
  return out;
}

}  // namespace

Error check_cache(const TensorView& cache, const TensorView& value) {
  bool fits = cache.rank() == 4 && value.rank() == 4 && cache.dtype == value.dtype;
  for (int d : {0, 2, 3}) fits = fits && cache.size(d) == value.size(d);
  if (fits) return {};
  return Error::make(Code::bad_argument, "%s for cache %s (expected [batch, tokens, heads, depth])", TypeText(value)
      .c_str(), TypeText(cache).c_str());
}

Error store_tokens(const TensorView& cache, const TensorView& value, int64_t start) {
  const int64_t count = value.size(1), room = cache.size(1);
  if (start < 0 || start > room || count > room - start)
    return Error::make(Code::bad_argument, "tokens %lld to %lld of a cache of %lld", static_cast<long long>(start),
                       static_cast<long long>(start + count), static_cast<long long>(room));
  copy_view(sliced(cache, 1, start, count), value);
  return {};
}

Error UpdateCache::infer(const Args& a, std::span<TensorSpec> outs) {
  outs[0] = placeholder_of(a.tensor(0));
  return check_cache(a.tensor(1), a.tensor(0));
}
Error UpdateCache::reference(const Args& a, std::span<TensorView> outs) {
  fill_view(outs[0], int64_t{0});
  return store_tokens(a.tensor(1), a.tensor(0), a.integer(2));
}

Error UpdateCacheWithIndices::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &value = a.tensor(0), &index = a.tensor(3);
  outs[0] = placeholder_of(value);
  PF_TRY(check_cache(a.tensor(1), value));
  PF_TRY(check_index_dtype(index));
  if (index.rank() == 2 && index.size(0) == value.size(0) && index.size(1) == value.size(1)) return {};
  return Error::make(Code::bad_argument, "indices %s for %s (expected one for each token)", TypeText(index).c_str(), TypeText(value)
      .c_str());
}
Error UpdateCacheWithIndices::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &value = a.tensor(0), &cache = a.tensor(1), &index = a.tensor(3);
  fill_view(outs[0], int64_t{0});
  const IndexReader read(index, cache.size(1));
  for (int64_t b = 0; b < value.size(0); ++b)
    for (int64_t t = 0; t < value.size(1); ++t) {
      const int64_t place = read(b * index.strides[0] + t * index.strides[1]);
      if (!read.valid(place)) return read.out_of_range(place, 1);
      copy_view(selected(selected(cache, 0, b), 0, place), selected(selected(value, 0, b), 0, t));
    }
  return {};
}

}  // namespace portfire::ops::kv_cache
