// max.dim, min.dim, argmax and argmin: the extremes of rows and where they stand first; NaN counts as one. A row is
// folded a piece at a time and then searched for its extreme; rows side by side keep places beside their extremes.
// Narrow integers are widened to i32, f16 and bf16 to f32.
#include <algorithm>
#include <limits>

#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/reduce/folds.h"
#include "kernels/reduce/places.h"
#include "kernels/reduce/walk.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::reduce {
namespace {

using pointwise::Class;

constexpr int64_t kStrip = static_cast<int64_t>(pointwise::kStrip);
constexpr int64_t kPiece = 4 << 10;   // elements of a row that stay in L1 while it is searched
constexpr int64_t kGrain = 32 << 10;  // elements for each thread at least

struct Plan {
  Walk walk;
  bool greatest;
};

// Elements of x as T, `step` apart in memory.
template <class T>
class Strip {
 public:
  Strip(const TensorView& x, int64_t step) : x_(x), step_(step) {
    const Class c = pointwise::class_of(x.dtype), wanted = sizeof(T) == 4 && c != Class::f32 ? Class::i32 : c;
    load_ = pointwise::load_fn(x.dtype);
    if (c != wanted) convert_ = pointwise::convert_fn(c, DType::i32);
    direct_ = step == 1 && !convert_ && pointwise::in_class(x.dtype);
  }
  int64_t most() const { return direct_ ? kPiece : kStrip; }
  const T* get(int64_t offset, int64_t n) {
    const auto* from = x_.as<std::byte>() + offset * static_cast<int64_t>(byte_size(x_.dtype));
    if (direct_) return reinterpret_cast<const T*>(from);
    load_(convert_ ? static_cast<void*>(loaded_) : values_, from, step_, static_cast<size_t>(n));
    if (convert_) convert_(values_, loaded_, static_cast<size_t>(n));
    return values_;
  }

 private:
  const TensorView& x_;
  int64_t step_;
  bool direct_;
  pointwise::LoadFn load_;
  pointwise::ConvertFn convert_ = nullptr;
  alignas(64) T values_[kStrip];
  alignas(64) std::byte loaded_[kStrip * 4];
};

// Puts the element of a row at `place`, and its place, into the results.
void put(const Operands& o, int64_t from, int64_t place, int64_t step, int64_t to) {
  o.outs.back()->as<int64_t>()[to] = place;
  if (o.outs.size() == 1) return;
  ops::with_bits(o.in(0).dtype, [&](auto tag) { o.out(0).as<decltype(tag)>()[to] = o.in(0).as<const decltype(tag)>()[from + place * step]; });
}

template <class T>
void run_rows(const Plan& p, const Operands& o, int64_t begin, int64_t end) {
  const Walk& w = p.walk;
  const auto fold = functions<T>(p.greatest ? Fold::maximum : Fold::minimum).row;
  const auto find = place_functions<T>(p.greatest).find;
  Strip<T> strip(o.in(0), w.inner_in);
  const int64_t most = strip.most();
  for (int64_t k = begin; k < end; ++k) {
    const int64_t offset = w.kept.in_offset(k);
    T best{};
    int64_t place = -1;
    for (int64_t i = 0; i < w.inner; i += most) {
      const auto n = static_cast<size_t>(std::min(w.inner - i, most));
      const T* x = strip.get(offset + i * w.inner_in, static_cast<int64_t>(n));
      const T v = static_cast<T>(fold(x, n, 0));
      if (place >= 0 && !(p.greatest ? v > best : v < best) && !(v != v && best == best)) continue;
      best = v;
      place = i + static_cast<int64_t>(find(x, n, v));
    }
    put(o, offset, place, w.inner_in, w.kept.out_offset(k));
  }
}

// Results from `begin` to `end` of the inner dimension, the first of them at `offset`.
template <class T>
void run_columns(const Plan& p, const Operands& o, int64_t offset, int64_t to, int64_t n) {
  const Walk& w = p.walk;
  const auto column = place_functions<T>(p.greatest).column;
  const int64_t step = w.reduced.rank ? w.reduced.in[0] : 0;
  Strip<T> strip(o.in(0), w.inner_in);
  alignas(64) T best[kStrip];
  alignas(64) Place<T> places[kStrip] = {};
  std::copy_n(strip.get(offset, n), n, best);
  for (int64_t r = 1; r < w.row_length; ++r) column(best, places, strip.get(offset + r * step, n), static_cast<size_t>(n), static_cast<Place<T>>(r));
  for (int64_t c = 0; c < n; ++c) put(o, offset + c * w.inner_in, places[c], step, to + c * w.inner_out);
}

template <class T>
void run_as(const Plan& p, const Operands& o, ThreadPool* pool) {
  const Walk& w = p.walk;
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1, kept = w.kept.count();
  const int64_t wanted = (w.inner / (threads * 2) + 63) / 64 * 64;
  const int64_t piece = threads > 1 ? std::clamp<int64_t>(wanted, 64, kStrip) : kStrip;
  const int64_t pieces = w.inner_reduced ? 1 : (w.inner + piece - 1) / piece, units = kept * pieces;
  const int64_t tasks = std::clamp<int64_t>(o.in(0).numel() / kGrain, 1, std::min(units, threads * 2));
  parallel(pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    const auto task = static_cast<int64_t>(t);
    const int64_t first = units * task / tasks, last = units * (task + 1) / tasks;
    if (w.inner_reduced) return run_rows<T>(p, o, first, last);
    for (int64_t u = first; u < last; ++u) {
      const int64_t k = u / pieces, begin = u % pieces * piece;
      run_columns<T>(p, o, w.kept.in_offset(k) + begin * w.inner_in, w.kept.out_offset(k) + begin * w.inner_out, std::min(piece, w.inner - begin));
    }
  });
}

template <bool greatest>
bool prepare(const Operands& o, void* state, size_t*) {
  const Args a(o.args);
  const TensorView &x = o.in(0), &places = *o.outs.back();
  if (is_complex(x.dtype) || x.dtype == DType::u16 || x.dtype == DType::u32 || x.dtype == DType::u64) return false;
  for (const TensorView* out : o.outs)
    if (!out->is_contiguous()) return false;
  bool mask[kMaxRank];
  const bool all = a.none(1);
  const int64_t dim = all ? 0 : a.integer(1);
  // Places count through all dimensions as they are, not as they lie.
  if ((all && !x.is_contiguous()) || ops::dim_mask({&dim, all ? 0u : 1u}, x.rank(), mask) || places.dtype != DType::i64) return false;
  Plan& p = *new (state) Plan{Walk(x, mask, places, a.boolean(2)), greatest};
  return p.walk.reduced.rank <= (p.walk.inner_reduced ? 0 : 1) && (p.walk.inner_reduced || p.walk.row_length <= std::numeric_limits<int32_t>::max());
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  if (o.out(0).numel() == 0) return {};
  switch (pointwise::class_of(o.in(0).dtype)) {
    case Class::f32: run_as<float>(p, o, context.pool); break;
    case Class::f64: run_as<double>(p, o, context.pool); break;
    case Class::i64: run_as<int64_t>(p, o, context.pool); break;
    default: run_as<int32_t>(p, o, context.pool);
  }
  return {};
}

}  // namespace

extern const Kernel kMaxDim, kMinDim, kArgmax, kArgmin;
const Kernel kMaxDim = {"aten::max.dim", sizeof(Plan), prepare<true>, run};
const Kernel kMinDim = {"aten::min.dim", sizeof(Plan), prepare<false>, run};
const Kernel kArgmax = {"aten::argmax", sizeof(Plan), prepare<true>, run};
const Kernel kArgmin = {"aten::argmin", sizeof(Plan), prepare<false>, run};

}  // namespace portfire::reduce
