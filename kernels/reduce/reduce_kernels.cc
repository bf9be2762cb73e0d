// Sums, means, products, extremes, any, all and variances over any dimensions: in f32 (f16 and bf16
// widened; products and variances in f64), f64, i64 (narrower integers widened), extremes also in
// i32 and bytes, any and all in bytes. Floats are summed in f32 over a few elements a lane, beyond that in f64; a result depends on the
// shapes and the instruction set, not on threads.
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/reduce/columns.h"
#include "kernels/reduce/folds.h"
#include "kernels/reduce/walk.h"
#include "kernels/thread_pool.h"
#include "ops/strips.h"

namespace portfire::reduce {
namespace {

using pointwise::Class;
using pointwise::kStrip;

enum class Finish : uint8_t { none, mean, variance, truth };

struct Plan {
  Walk walk;
  Fold fold;
  Finish finish;
  Class c;                         // that folds
  double correction = 0;           // of a variance
  bool direct;                     // the input is in memory as in a strip
  pointwise::LoadFn load;
  pointwise::ConvertFn convert;    // null: loaded is converted
  int64_t readable = 0;            // elements from the first one on that lie together
  int64_t chunks = 1;              // that the inner dimension is folded in, where it is reduced
};

constexpr int64_t kGrain = 32 << 10;  // elements for each thread at least
constexpr int64_t kChunk = 64 << 10;
constexpr int64_t kBatch = 64;        // results that are stored at once
constexpr int64_t kRows = 64;         // of f32 totals before they are added in f64

// Elements of the input as T.
template <class T>
struct Strips {
  const Plan& plan;
  const TensorView& x;
  alignas(64) T values[kStrip];
  alignas(64) std::byte loaded[kStrip * 8];

  Strips(const Plan& p, const TensorView& view) : plan(p), x(view) {}
  // `padded`: the loop runs on to a multiple of 64.
  const T* get(int64_t offset, int64_t n, bool padded) {
    const std::byte* from = x.as<std::byte>() + offset * static_cast<int64_t>(byte_size(x.dtype));
    const int64_t stride = plan.walk.inner_in;
    const auto count = static_cast<size_t>(n);
    if (plan.direct && stride == 1 && (!padded || n % 64 == 0 || offset + (n + 63) / 64 * 64 <= plan.readable)) return reinterpret_cast<const T*>(from);
    plan.load(plan.convert ? static_cast<void*>(loaded) : values, from, stride, count);
    if (plan.convert) plan.convert(values, loaded, count);
    return values;
  }
};

// The fold of one result's row, from `begin` to `end` of the inner dimension.
template <class T>
Wide<T> fold_row(const Functions<T>& f, Fold fold, Strips<T>& strips, int64_t offset, int64_t begin, int64_t end, T about) {
  const Walk& w = strips.plan.walk;
  Wide<T> total = Wide<T>(start_of<T>(fold));
  if (begin == end || w.row_length == 0) return total;
  const int64_t most = strips.plan.direct && w.inner_in == 1 ? kChunk : static_cast<int64_t>(kStrip);
  for_each(w.reduced, [&](int64_t at) {
    for (int64_t i = begin; i < end; i += most) {
      const int64_t n = std::min(end - i, most);
      const T* x = strips.get(offset + at + i * w.inner_in, n, false);
      total = join(fold, total, f.row(x, static_cast<size_t>(n), about));
    }
  });
  return total;
}

// The folds of n <= kStrip results side by side, the first one at `offset`.
template <class T>
void fold_columns(Fold fold, Strips<T>& strips, int64_t offset, int64_t n, const T* about, Wide<T>* totals) {
  const Walk& w = strips.plan.walk;
  alignas(64) T part[kStrip];
  std::fill_n(totals, n, Wide<T>(start_of<T>(fold)));
  if (w.row_length == 0) return;
  int64_t rows = kRows;  // in `part`
  // How many of `wanted` rows come next, after what is full.
  auto next = [&](int64_t wanted, bool first) {
    if (rows == kRows) {
      for (int64_t i = 0; i < n && !first; ++i) totals[i] = join(fold, totals[i], static_cast<Wide<T>>(part[i]));
      std::fill_n(part, (n + 63) / 64 * 64, start_of<T>(fold));
      rows = 0;
    }
    const int64_t count = std::min(wanted, kRows - rows);
    rows += count;
    return count;
  };
  bool first = true;
  ColumnsFn<T> columns = nullptr;
  if constexpr (sizeof(T) == 8 || std::is_same_v<T, float>)
    if (w.inner_in == 1 && n >= kColumns) columns = columns_fn<T>(fold, strips.x.dtype);
  if (columns) {
    Dims outer = w.reduced;
    const int last = outer.rank - 1;
    const int64_t length = last < 0 ? 1 : outer.sizes[last], step = last < 0 ? 0 : outer.in[last];
    const auto element = static_cast<int64_t>(byte_size(strips.x.dtype));
    if (last >= 0) outer.take(last);
    for_each(outer, [&](int64_t at) {
      for (int64_t r = 0, count; r < length; r += count) {
        count = next(length - r, first);
        first = false;
        columns(part, strips.x.template as<std::byte>() + (offset + at + r * step) * element, step, static_cast<size_t>(count), static_cast<size_t>(n), about);
      }
    });
  } else {
    const auto column = functions<T>(fold).column;
    for_each(w.reduced, [&](int64_t at) {
      next(1, first);
      first = false;
      column(part, strips.get(offset + at, n, true), static_cast<size_t>(n), about);
    });
  }
  for (int64_t i = 0; i < n; ++i) totals[i] = join(fold, totals[i], static_cast<Wide<T>>(part[i]));
}

template <class T>
void finish(const Plan& p, Wide<T>* totals, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if (p.finish == Finish::mean) totals[i] /= static_cast<Wide<T>>(p.walk.row_length);
    if (p.finish == Finish::variance) totals[i] /= static_cast<Wide<T>>(std::max(0.0, static_cast<double>(p.walk.row_length) - p.correction));
    if (p.finish == Finish::truth) totals[i] = totals[i] != 0;
  }
}

// Results one after the other, each of one run of elements: `end` - `begin` of them.
template <class T>
void run_short_rows(const Plan& p, const Operands& o, const Functions<T>& f, Strips<T>& strips, int64_t begin, int64_t end) {
  const Walk& w = p.walk;
  const int64_t step = w.kept.rank ? w.kept.in[0] : 0;
  const int64_t most = p.direct ? kBatch : std::clamp<int64_t>(static_cast<int64_t>(kStrip) / w.inner, 1, kBatch);
  Wide<T> totals[kBatch];
  for (int64_t k = begin; k < end; k += most) {
    const int64_t n = std::min(end - k, most), offset = w.kept.in_offset(k);
    const T* x = strips.get(offset, p.direct ? w.inner : n * w.inner, false);
    f.rows(x, step, static_cast<size_t>(n), static_cast<size_t>(w.inner), totals);
    finish<T>(p, totals, n);
    ops::store(o.out(0), w.kept.out_offset(k), w.kept.rank ? w.kept.out[0] : 1, n, totals);
  }
}
// Rows that other ones do not come between, short enough or in memory as they should be.
template <class T>
bool has_short_rows(const Plan& p) {
  const Walk& w = p.walk;
  if (w.reduced.rank > 0 || w.kept.rank > 1 || w.inner_in != 1 || w.inner == 0 || p.chunks > 1 || p.finish == Finish::variance) return false;
  return p.direct ? w.inner <= kChunk : w.inner <= static_cast<int64_t>(kStrip) && w.kept.rank == 1 && w.kept.in[0] == w.inner;
}

// Each result by itself.
template <class T>
void run_rows(const Plan& p, const Operands& o, const KernelContext& context) {
  const Walk& w = p.walk;
  const Functions<T> f = functions<T>(p.fold), sums = p.finish == Finish::variance ? functions<T>(Fold::sum) : f;
  const int64_t kept = w.kept.count(), units = kept * p.chunks;
  auto* totals = reinterpret_cast<Wide<T>*>(context.scratch.data());
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(kept * w.row_length / kGrain, 1, std::min(units, threads * 2));
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    Strips<T> strips(p, o.in(0));
    const auto task = static_cast<int64_t>(t);
    if (has_short_rows<T>(p)) return run_short_rows<T>(p, o, f, strips, units * task / tasks, units * (task + 1) / tasks);
    for (int64_t u = units * task / tasks; u < units * (task + 1) / tasks; ++u) {
      const int64_t k = u / p.chunks, chunk = u % p.chunks, offset = w.kept.in_offset(k);
      const int64_t begin = w.inner * chunk / p.chunks, end = w.inner * (chunk + 1) / p.chunks;
      T about = 0;
      if (p.finish == Finish::variance)
        about = static_cast<T>(fold_row<T>(sums, Fold::sum, strips, offset, begin, end, 0) / static_cast<Wide<T>>(w.row_length));
      Wide<T> total = fold_row<T>(f, p.fold, strips, offset, begin, end, about);
      if (p.chunks > 1) {
        totals[u] = total;
        continue;
      }
      finish<T>(p, &total, 1);
      ops::store(o.out(0), w.kept.out_offset(k), 1, 1, &total);
    }
  });
  if (p.chunks == 1) return;
  for (int64_t k = 0; k < kept; ++k) {
    Wide<T> total = Wide<T>(start_of<T>(p.fold));
    for (int64_t c = 0; c < p.chunks; ++c) total = join(p.fold, total, totals[k * p.chunks + c]);
    finish<T>(p, &total, 1);
    ops::store(o.out(0), w.kept.out_offset(k), 1, 1, &total);
  }
}

// Results side by side.
template <class T>
void run_columns(const Plan& p, const Operands& o, const KernelContext& context) {
  const Walk& w = p.walk;
  // Pieces of whole vectors but the last, as many as make work for all threads.
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t kept = w.kept.count(), wanted = std::max<int64_t>(w.inner * kept / (threads * 2), 64) / 64 * 64;
  const int64_t piece = threads > 1 ? std::min<int64_t>(wanted, kStrip) : static_cast<int64_t>(kStrip);
  const int64_t pieces = (w.inner + piece - 1) / piece, units = kept * pieces;
  const auto begin_of = [&](int64_t i) { return std::min(w.inner, (w.inner * i / pieces + 63) / 64 * 64); };
  const int64_t tasks = std::clamp<int64_t>(kept * w.inner * w.row_length / kGrain, 1, std::min(units, threads * 2));
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    Strips<T> strips(p, o.in(0));
    alignas(64) Wide<T> totals[kStrip];
    alignas(64) T about[kStrip] = {};
    const auto task = static_cast<int64_t>(t);
    for (int64_t u = units * task / tasks; u < units * (task + 1) / tasks; ++u) {
      const int64_t k = u / pieces, begin = begin_of(u % pieces), n = begin_of(u % pieces + 1) - begin;
      const int64_t offset = w.kept.in_offset(k) + begin * w.inner_in;
      if (p.finish == Finish::variance) {
        fold_columns<T>(Fold::sum, strips, offset, n, about, totals);
        for (int64_t i = 0; i < n; ++i) about[i] = static_cast<T>(totals[i] / static_cast<Wide<T>>(w.row_length));
      }
      fold_columns<T>(p.fold, strips, offset, n, about, totals);
      finish<T>(p, totals, n);
      ops::store(o.out(0), w.kept.out_offset(k) + begin * w.inner_out, w.inner_out, n, totals);
    }
  });
}

template <class T>
void run_in(const Plan& p, const Operands& o, const KernelContext& context) {
  p.walk.inner_reduced ? run_rows<T>(p, o, context) : run_columns<T>(p, o, context);
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  if (o.out(0).numel() == 0) return {};
  switch (p.c) {
    case Class::f32: run_in<float>(p, o, context); break;
    case Class::f64: run_in<double>(p, o, context); break;
    case Class::i64: run_in<int64_t>(p, o, context); break;
    case Class::i32: run_in<int32_t>(p, o, context); break;
    default: run_in<uint8_t>(p, o, context);
  }
  return {};
}

// The class of `computed` folds; elements are converted to it first.
bool prepare_fold(const Operands& o, Fold fold, Finish finish, DType computed, std::span<const int64_t> dims, bool keepdim, Plan* p,
                  size_t* scratch) {
  const TensorView& x = o.in(0);
  const auto known = [](DType t) { return !is_complex(t) && t != DType::u16 && t != DType::u32 && t != DType::u64; };
  bool mask[kMaxRank];
  if (!known(x.dtype) || !known(computed) || ops::dim_mask(dims, x.rank(), mask)) return false;
  p->fold = fold;
  p->finish = finish;
  p->c = pointwise::class_of(computed);
  if (finish != Finish::truth) {
    const bool extreme = fold == Fold::maximum || fold == Fold::minimum;
    if (p->c == Class::i8 && extreme) p->c = Class::i32;
    if ((p->c == Class::i32 || p->c == Class::i8 || p->c == Class::u8) && !extreme) p->c = Class::i64;
    // What f32 would overflow or cancel.
    if (p->c == Class::f32 && (fold == Fold::product || finish == Finish::variance)) p->c = Class::f64;
  }
  const DType folded = p->c == Class::f32 ? DType::f32 : p->c == Class::f64 ? DType::f64 : p->c == Class::i64 ? DType::i64 : p->c == Class::i32 ? DType::i32 : finish == Finish::truth ? DType::boolean : DType::u8;
  const Class loaded = pointwise::class_of(x.dtype);
  p->load = pointwise::load_fn(x.dtype);
  p->convert = loaded != p->c || (folded == DType::boolean && x.dtype != DType::boolean) ? pointwise::convert_fn(loaded, folded) : nullptr;
  p->direct = !p->convert && pointwise::in_class(x.dtype);
  p->readable = x.is_contiguous() ? x.numel() : 0;
  p->walk = Walk(x, mask, o.out(0), keepdim);
  // One or few long rows are cut, so that threads can share them.
  const int64_t kept = p->walk.kept.count();
  p->chunks = 1;
  if (p->walk.inner_reduced && finish != Finish::variance && kept < 64) p->chunks = std::max<int64_t>(1, p->walk.inner / kChunk);
  *scratch = static_cast<size_t>(kept * p->chunks) * sizeof(double);
  return true;
}

// Sums convert elements to the dtype of the result first; what that rounds stays with the reference.
bool sums_wide(const Operands& o) { return !ops::narrows(o.in(0).dtype, o.out(0).dtype) && o.out(0).dtype != DType::i16; }

template <Fold fold, Finish finish>
bool prepare_sum(const Operands& o, void* state, size_t* scratch) {
  const Args a(o.args);
  if (fold != Fold::sum && !is_floating(o.out(0).dtype)) return false;
  return sums_wide(o) && prepare_fold(o, fold, finish, o.out(0).dtype, a.ints(1), a.boolean(2), new (state) Plan, scratch);
}
bool prepare_product(const Operands& o, void* state, size_t* scratch) {
  return sums_wide(o) && prepare_fold(o, Fold::product, Finish::none, o.out(0).dtype, {}, false, new (state) Plan, scratch);
}
bool prepare_product_dim(const Operands& o, void* state, size_t* scratch) {
  const Args a(o.args);
  const int64_t dim = a.integer(1);
  return sums_wide(o) && prepare_fold(o, Fold::product, Finish::none, o.out(0).dtype, {&dim, 1}, a.boolean(2), new (state) Plan, scratch);
}
template <Fold fold>
bool prepare_extreme(const Operands& o, void* state, size_t* scratch) {
  const Args a(o.args);
  return prepare_fold(o, fold, Finish::none, o.in(0).dtype, a.ints(1), a.boolean(2), new (state) Plan, scratch);
}
template <Fold fold>
bool prepare_test(const Operands& o, void* state, size_t* scratch) {
  const Args a(o.args);
  if (!a.none(1) && a.ints(1).empty()) return false;  // [] reduces nothing
  return prepare_fold(o, fold, Finish::truth, DType::boolean, a.ints(1), a.boolean(2), new (state) Plan, scratch);
}
bool prepare_variance(const Operands& o, void* state, size_t* scratch) {
  const Args a(o.args);
  Plan* p = new (state) Plan;
  p->correction = a.real(2, 1);
  return is_floating(o.in(0).dtype) && prepare_fold(o, Fold::squares, Finish::variance, o.in(0).dtype, a.ints(1), a.boolean(3), p, scratch);
}

}  // namespace

#define PF_REDUCE_KERNEL(name, op, ...) \
  extern const Kernel name;             \
  const Kernel name = {op, sizeof(Plan), __VA_ARGS__, run};
PF_REDUCE_KERNEL(kSum, "aten::sum.dim_IntList", prepare_sum<Fold::sum, Finish::none>)
PF_REDUCE_KERNEL(kSumSquares, "portfire::sum_squares", prepare_sum<Fold::squares, Finish::none>)
PF_REDUCE_KERNEL(kSumNumbers, "portfire::sum_numbers", prepare_sum<Fold::numbers, Finish::none>)
PF_REDUCE_KERNEL(kMean, "aten::mean.dim", prepare_sum<Fold::sum, Finish::mean>)
PF_REDUCE_KERNEL(kProd, "aten::prod", prepare_product)
PF_REDUCE_KERNEL(kProdDim, "aten::prod.dim_int", prepare_product_dim)
PF_REDUCE_KERNEL(kAmax, "aten::amax", prepare_extreme<Fold::maximum>)
PF_REDUCE_KERNEL(kAmin, "aten::amin", prepare_extreme<Fold::minimum>)
PF_REDUCE_KERNEL(kAny, "aten::any.dims", prepare_test<Fold::maximum>)
PF_REDUCE_KERNEL(kAll, "aten::all.dims", prepare_test<Fold::minimum>)
PF_REDUCE_KERNEL(kVar, "aten::var.correction", prepare_variance)
#undef PF_REDUCE_KERNEL

}  // namespace portfire::reduce
