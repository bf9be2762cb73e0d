// Operators that fetch elements by number: embedding, index_select and gather.
#include <cstring>

#include "kernels/index/walk.h"
#include "kernels/kernel.h"

namespace portfire::index {
namespace {

// --- fetching ---

// What lies in `w` and `r` is copied first: the compiler cannot know that stores leave it alone.
template <class T, class I>
int64_t fetch_row(const Walk& w, const Row& r, T* y, const T* x, const I* i) {
  const int64_t n = r.n, stride = w.stride, to_step = r.plain_step, from_step = r.base_step, index_step = r.index_step;
  const auto limit = static_cast<uint64_t>(w.limit);
  if (index_step == 0) {  // a slice
    if (static_cast<uint64_t>(*i) >= limit) return 0;
    x += *i * stride;
    if (to_step == 1 && from_step == 1)
      std::memcpy(y, x, static_cast<size_t>(n) * sizeof(T));
    else
      for (int64_t j = 0; j < n; ++j) y[j * to_step] = x[j * from_step];
    return n;
  }
  if (to_step == 1 && index_step == 1 && from_step == 0 && stride == 1 && all_below(i, n, w.limit)) {  // along rows
    for (int64_t j = 0; j < n; ++j) y[j] = x[i[j]];
    return n;
  }
  for (int64_t j = 0; j < n; ++j) {
    const int64_t number = i[j * index_step];
    if (static_cast<uint64_t>(number) >= limit) return j;
    y[j * to_step] = x[j * from_step + number * stride];
  }
  return n;
}

// Runs of elements that lie together.
template <class T, class I>
int64_t fetch_runs(const Walk& w, const Row& r, int64_t run, T* y, const T* x, const I* i) {
  const int64_t n = r.n, stride = w.stride, to_step = r.plain_step, from_step = r.base_step, index_step = r.index_step;
  const auto limit = static_cast<uint64_t>(w.limit);
  const size_t bytes = static_cast<size_t>(run) * sizeof(T);
  for (int64_t j = 0; j < n; ++j) {
    const int64_t number = i[j * index_step];
    if (static_cast<uint64_t>(number) >= limit) return j;
    std::memcpy(y + j * to_step, x + j * from_step + number * stride, bytes);
  }
  return n;
}

Error fetch(const Walk& whole, const TensorView& out, const TensorView& x, const TensorView& index, ThreadPool* pool) {
  Walk w = whole;
  int64_t run = 1;
  for (int d = w.shape.rank - 1; d > 0 && w.index[d] == 0 && w.plain[d] == run && w.base[d] == run; --d) {
    run *= w.shape.sizes[d];
    --w.shape.rank;
  }
  if (run == 0) return {};
  const auto with = [&](auto* numbers) {
    return ops::with_bits(x.dtype, [&](auto bits) {
      using T = decltype(bits);
      return walk_rows(w, index, pool, [&](const Row& r) {
        T* to = out.as<T>() + r.plain;
        const T* from = x.as<const T>() + r.base;
        return run == 1 ? fetch_row(w, r, to, from, numbers + r.index) : fetch_runs(w, r, run, to, from, numbers + r.index);
      });
    });
  };
  return index.dtype == DType::i32 ? with(index.as<const int32_t>()) : with(index.as<const int64_t>());
}

Error run_gather(const void*, const Operands& o, const KernelContext& context) {
  const TensorView &x = o.in(0), &index = o.in(2), &out = o.out(0);
  Walk w;
  PF_TRY(ops::wrap_dim(o.args[1]->integer, x.rank(), &w.dim));
  w.shape = index.shape;
  w.limit = x.size(w.dim);
  w.stride = x.strides[w.dim];
  for (int d = 0; d < index.rank(); ++d) {
    w.plain[d] = out.strides[d];
    w.index[d] = index.strides[d];
    w.base[d] = d == w.dim ? 0 : x.strides[d];
  }
  return fetch(w, out, x, index, context.pool);
}
bool prepare_gather(const Operands& o, void*, size_t*) { return o.in(0).rank() > 0 && o.in(2).rank() == o.in(0).rank() && is_index(o.in(2)); }

Error run_index_select(const void*, const Operands& o, const KernelContext& context) {
  const TensorView &x = o.in(0), &index = o.in(2), &out = o.out(0);
  Walk w;
  PF_TRY(ops::wrap_dim(o.args[1]->integer, x.rank(), &w.dim));
  w.shape = out.shape;
  w.limit = x.size(w.dim);
  w.stride = x.strides[w.dim];
  for (int d = 0; d < x.rank(); ++d) {
    w.plain[d] = out.strides[d];
    w.index[d] = d == w.dim && index.rank() ? index.strides[0] : 0;
    w.base[d] = d == w.dim ? 0 : x.strides[d];
  }
  return fetch(w, out, x, index, context.pool);
}
bool prepare_index_select(const Operands& o, void*, size_t*) { return o.in(0).rank() > 0 && is_index(o.in(2)); }

Error run_embedding(const void*, const Operands& o, const KernelContext& context) {
  const TensorView &table = o.in(0), &index = o.in(1), &out = o.out(0);
  Walk w;
  w.shape = out.shape;
  w.limit = table.size(0);
  w.stride = table.strides[0];
  for (int d = 0; d < out.rank(); ++d) {
    w.plain[d] = out.strides[d];
    w.index[d] = d < index.rank() ? index.strides[d] : 0;
  }
  w.base[index.rank()] = table.strides[1];
  return fetch(w, out, table, index, context.pool);
}
bool prepare_embedding(const Operands& o, void*, size_t*) { return is_index(o.in(1)); }

}  // namespace

extern const Kernel kGather, kIndexSelect, kEmbedding;
const Kernel kGather = {"aten::gather", 0, prepare_gather, run_gather};
const Kernel kIndexSelect = {"aten::index_select", 0, prepare_index_select, run_index_select};
const Kernel kEmbedding = {"aten::embedding", 0, prepare_embedding, run_embedding};

}  // namespace portfire::index
