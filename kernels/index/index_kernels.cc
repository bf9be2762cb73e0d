// Operators that fetch or store elements by number: embedding, index_select, gather, scatter and
// scatter_add (which index_add and one's kin become). All are one walk: at each place p of a shape, an
// element of one tensor meets the element of another at `base(p) + index(p) * stride`.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/copy/strided.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/plain_loop.h"
#include "kernels/thread_pool.h"
#include "ops/creation.h"
#include "ops/index_reader.h"
#include "ops/rows.h"

namespace portfire::index {
namespace {

constexpr int64_t kGrain = 16 << 10;  // places for each thread at least

// Strides of what is met one to one, of the index, and of where the index counts from.
struct Walk {
  Shape shape;
  int64_t plain[kMaxRank] = {}, index[kMaxRank] = {}, base[kMaxRank] = {};
  int64_t stride = 0, limit = 1;  // of what the index counts
  int dim = 0;                    // its dimension, for errors
  bool stores = false;            // to where the index says, so only places of other numbers may run at once
};

// A row of places: offsets and steps in elements, of the three as above.
struct Row {
  int64_t plain, plain_step, index, index_step, base, base_step, n;
};
// Gives how many went well: n unless an index is out of range.
using RowFn = int64_t (*)(const Walk& w, const Row& r, void* plain, void* indexed, const void* indices);

Error walk_rows(const Walk& w, void* plain, void* indexed, const TensorView& index, ThreadPool* pool, RowFn f) {
  // Threads share the first dimension, unless they might meet in one element.
  int split = 0;
  while (split + 1 < w.shape.rank && w.shape.sizes[split] == 1) ++split;
  const int64_t length = w.shape.rank ? w.shape.sizes[split] : 1;
  const bool apart = !w.stores || (w.index[split] == 0 && w.base[split] != 0);
  const int64_t threads = pool && apart ? static_cast<int64_t>(pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(w.shape.numel() / kGrain, 1, std::max<int64_t>(1, std::min(threads * 2, length)));
  const ops::IndexReader reader(index, w.limit);
  std::atomic<int64_t> wrong{-1};  // offset of an index out of range
  parallel(pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    Shape part = w.shape;
    const int64_t begin = length * static_cast<int64_t>(task) / tasks;
    part.sizes[split] = w.shape.rank ? length * static_cast<int64_t>(task + 1) / tasks - begin : 0;
    for (ops::Rows r(part, {w.plain, w.index, w.base}); r.valid(); r.next()) {
      const Row row{begin * w.plain[split] + r.offset(0), r.step(0), begin * w.index[split] + r.offset(1), r.step(1),
                    begin * w.base[split] + r.offset(2), r.step(2), r.length()};
      const int64_t good = f(w, row, plain, indexed, index.data);
      if (good == row.n) continue;
      wrong = row.index + good * row.index_step;
      return;
    }
  });
  return wrong < 0 ? Error() : reader.out_of_range(reader(wrong), w.dim);
}

// Calls f(I()) with the type of the indices.
template <class F>
RowFn with_index(const TensorView& index, F f) {
  return index.dtype == DType::i32 ? f(int32_t{}) : f(int64_t{});
}

// --- fetching ---

template <class T, class I>
int64_t fetch_row(const Walk& w, const Row& r, void* plain, void* indexed, const void* indices) {
  T* y = static_cast<T*>(plain) + r.plain;
  const T* x = static_cast<const T*>(indexed) + r.base;
  const I* i = static_cast<const I*>(indices) + r.index;
  const auto limit = static_cast<uint64_t>(w.limit);
  if (r.index_step == 0) {  // a slice
    if (static_cast<uint64_t>(*i) >= limit) return 0;
    x += *i * w.stride;
    if (r.plain_step == 1 && r.base_step == 1)
      std::memcpy(y, x, static_cast<size_t>(r.n) * sizeof(T));
    else
      for (int64_t j = 0; j < r.n; ++j) y[j * r.plain_step] = x[j * r.base_step];
    return r.n;
  }
  for (int64_t j = 0; j < r.n; ++j) {
    const int64_t number = i[j * r.index_step];
    if (static_cast<uint64_t>(number) >= limit) return j;
    y[j * r.plain_step] = x[j * r.base_step + number * w.stride];
  }
  return r.n;
}

Error fetch(const Walk& w, const TensorView& out, const TensorView& x, const TensorView& index, ThreadPool* pool) {
  const RowFn row = with_index(index, [&](auto i) {
    return ops::with_bits(x.dtype, [&](auto bits) -> RowFn { return fetch_row<decltype(bits), decltype(i)>; });
  });
  return walk_rows(w, out.data, x.data, index, pool, row);
}

bool is_index(const TensorView& t) { return t.dtype == DType::i64 || t.dtype == DType::i32; }

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

// --- storing ---

struct Store {
  template <class T>
  void operator()(T& to, const T& from) const { to = from; }
};
struct Add {
  template <class T>
  void operator()(T& to, const T& from) const { to += from; }
};

template <class T, class I, class Put>
int64_t put_row(const Walk& w, const Row& r, void* plain, void* indexed, const void* indices) {
  const T* x = static_cast<const T*>(plain) + r.plain;
  T* y = static_cast<T*>(indexed) + r.base;
  const I* i = static_cast<const I*>(indices) + r.index;
  const auto limit = static_cast<uint64_t>(w.limit);
  const Put put;
  if (r.index_step == 0 && r.plain_step == 1 && r.base_step == 1) {  // a slice
    if (static_cast<uint64_t>(*i) >= limit) return 0;
    y += *i * w.stride;
    PF_PLAIN_LOOP
    for (int64_t j = 0; j < r.n; ++j) put(y[j], x[j]);
    return r.n;
  }
  for (int64_t j = 0; j < r.n; ++j) {
    const int64_t number = i[j * r.index_step];
    if (static_cast<uint64_t>(number) >= limit) return j;
    put(y[j * r.base_step + number * w.stride], x[j * r.plain_step]);
  }
  return r.n;
}

// The result is `self`, then stored into.
Error scatter_walk(const Operands& o, const TensorView* source, const KernelContext& context, Walk* w) {
  const TensorView &index = o.in(2), &out = o.out(0);
  copy::copy(out, o.in(0), context.pool);
  PF_TRY(ops::wrap_dim(o.args[1]->integer, out.rank(), &w->dim));
  w->shape = index.shape;
  w->limit = out.size(w->dim);
  w->stride = out.strides[w->dim];
  w->stores = true;
  for (int d = 0; d < index.rank(); ++d) {
    w->plain[d] = source ? source->strides[d] : 0;
    w->index[d] = index.strides[d];
    w->base[d] = d == w->dim ? 0 : out.strides[d];
  }
  return {};
}

bool prepare_scatter(const Operands& o, void*, size_t*) {
  const bool source = o.args[3]->kind == Value::Kind::tensor;
  return o.out(0).rank() > 0 && o.in(2).rank() == o.out(0).rank() && is_index(o.in(2)) && (!source || o.in(3).rank() == o.out(0).rank());
}
Error run_scatter(const void*, const Operands& o, const KernelContext& context) {
  const bool from_tensor = o.args[3]->kind == Value::Kind::tensor;
  ops::Bits<16> one;
  TensorView value;
  value.data = &one;
  value.dtype = o.out(0).dtype;
  if (!from_tensor) ops::creation::fill_with(value, Args(o.args).scalar(3));
  const TensorView& source = from_tensor ? o.in(3) : value;
  Walk w;
  PF_TRY(scatter_walk(o, from_tensor ? &source : nullptr, context, &w));
  const RowFn row = with_index(o.in(2), [&](auto i) {
    return ops::with_bits(source.dtype, [&](auto bits) -> RowFn { return put_row<decltype(bits), decltype(i), Store>; });
  });
  return walk_rows(w, source.data, o.out(0).data, o.in(2), context.pool, row);
}

bool prepare_scatter_add(const Operands& o, void* state, size_t* scratch) {
  const DType t = o.out(0).dtype;
  return prepare_scatter(o, state, scratch) && (t == DType::f32 || t == DType::f64 || t == DType::i64 || t == DType::i32);
}
Error run_scatter_add(const void*, const Operands& o, const KernelContext& context) {
  const TensorView& source = o.in(3);
  Walk w;
  PF_TRY(scatter_walk(o, &source, context, &w));
  const RowFn row = with_index(o.in(2), [&](auto i) -> RowFn {
    using I = decltype(i);
    switch (source.dtype) {
      case DType::f32: return put_row<float, I, Add>;
      case DType::f64: return put_row<double, I, Add>;
      case DType::i64: return put_row<uint64_t, I, Add>;  // integers wrap
      default: return put_row<uint32_t, I, Add>;
    }
  });
  return walk_rows(w, source.data, o.out(0).data, o.in(2), context.pool, row);
}

}  // namespace

extern const Kernel kGather, kIndexSelect, kEmbedding, kScatter, kScatterValue, kScatterAdd;
const Kernel kGather = {"aten::gather", 0, prepare_gather, run_gather};
const Kernel kIndexSelect = {"aten::index_select", 0, prepare_index_select, run_index_select};
const Kernel kEmbedding = {"aten::embedding", 0, prepare_embedding, run_embedding};
const Kernel kScatter = {"aten::scatter.src", 0, prepare_scatter, run_scatter};
const Kernel kScatterValue = {"aten::scatter.value", 0, prepare_scatter, run_scatter};
const Kernel kScatterAdd = {"aten::scatter_add", 0, prepare_scatter_add, run_scatter_add};

}  // namespace portfire::index
