// Softmax, its logarithm and norms where kernels/norm does not take them: f64, and of f16 and bf16 (in f32)
// softmax over another dimension than the last and group norm. A row, or some columns side by side, is brought
// into a buffer, worked on there by the loops of kernels/pointwise and kernels/reduce, and stored.
#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "kernels/kernel.h"
#include "kernels/pointwise/plain_loop.h"
#include "kernels/pointwise/steps.h"
#include "kernels/reduce/folds.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"

namespace portfire::wide_rows {
namespace {

constexpr int64_t kGrain = 16 << 10;  // elements for each thread at least
constexpr int64_t kColumns = 64;      // that are worked on together
constexpr int64_t kStrip = static_cast<int64_t>(pointwise::kStrip);

template <class T>
constexpr DType kDtype = sizeof(T) == 8 ? DType::f64 : DType::f32;
int64_t padded(int64_t n) { return (n + 63) / 64 * 64; }

struct Plan {
  int64_t rows = 1, n = 1, inner = 1;  // [rows, n, inner]
  int64_t channels = 1, groups = 1;    // of group norm
  double eps = 0;
  bool logarithm = false;
};

template <class T>
double sum_of(const T* x, int64_t n) {
  const auto row = reduce::functions<T>(reduce::Fold::sum).row;
  double sum = 0;
  for (int64_t i = 0; i < n; i += kStrip) sum += row(x + i, static_cast<size_t>(std::min(kStrip, n - i)), 0);
  return sum;
}
template <class T>
double squares_of(const T* x, int64_t n, T about) {
  const auto row = reduce::functions<T>(reduce::Fold::squares).row;
  double sum = 0;
  for (int64_t i = 0; i < n; i += kStrip) sum += row(x + i, static_cast<size_t>(std::min(kStrip, n - i)), about);
  return sum;
}
// Runs on to the next multiple of 64.
template <class T>
void exponentials(T* x, int64_t n) {
  static const pointwise::StepFn step = pointwise::step_fn(*ops::find_pointwise("exp"), kDtype<T>);
  step({x, {x, nullptr, nullptr}, ops::find_pointwise("exp"), kDtype<T>, kDtype<T>}, static_cast<size_t>(n));
}

template <class T>
struct Memory {
  const TensorView &x, &y;
  pointwise::LoadFn load = pointwise::load_fn(x.dtype);
  pointwise::StoreFn store = pointwise::store_fn(y.dtype);
  void get(T* to, int64_t at, int64_t n) const {
    load(to, x.as<std::byte>() + at * static_cast<int64_t>(byte_size(x.dtype)), 1, static_cast<size_t>(n));
  }
  void put(const T* from, int64_t at, int64_t n) const {
    store(y.as<std::byte>() + at * static_cast<int64_t>(byte_size(y.dtype)), from, 1, static_cast<size_t>(n));
  }
};

// f(unit, buffer), on threads.
template <class T, class F>
void for_units(int64_t units, int64_t elements, int64_t buffer, const KernelContext& context, F f) {
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(elements / kGrain, 1, std::max<int64_t>(1, std::min(threads * 2, units)));
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t worker) {
    const auto task = static_cast<int64_t>(t);
    T* const memory = reinterpret_cast<T*>(context.scratch.data()) + static_cast<int64_t>(worker) * buffer;
    for (int64_t u = units * task / tasks; u < units * (task + 1) / tasks; ++u) f(u, memory);
  });
}

// --- softmax ---

int64_t softmax_buffer(const Plan& p) { return p.inner == 1 ? padded(p.n) : padded(p.n * std::min(kColumns, p.inner) + 2 * kColumns); }

template <class T>
void softmax_row(const Plan& p, T* x) {
  const auto maximum = reduce::functions<T>(reduce::Fold::maximum).row;
  T most = -std::numeric_limits<T>::infinity();
  for (int64_t i = 0; i < p.n; i += kStrip) most = reduce::join(reduce::Fold::maximum, most, static_cast<T>(maximum(x + i, static_cast<size_t>(std::min(kStrip, p.n - i)), 0)));
  T work[kStrip];
  double sum = 0;
  // The logarithm keeps x; its exponentials are only summed.
  for (int64_t i = 0; i < p.n; i += kStrip) {
    const int64_t count = std::min(kStrip, p.n - i);
    T* const to = p.logarithm ? work : x + i;
    PF_PLAIN_LOOP
    for (int64_t k = 0; k < count; ++k) to[k] = x[i + k] - most;
    if (p.logarithm) std::fill(work + count, work + padded(count), T(0));
    exponentials(to, count);
    sum += sum_of(to, count);
  }
  const T factor = static_cast<T>(1 / sum), shift = static_cast<T>(static_cast<double>(most) + std::log(sum));
  if (p.logarithm)
    for (int64_t i = 0; i < p.n; ++i) x[i] -= shift;
  else
    for (int64_t i = 0; i < p.n; ++i) x[i] *= factor;
}

// [n, count] columns.
template <class T>
void softmax_columns(const Plan& p, int64_t count, T* x) {
  T most[kColumns], sum[kColumns] = {};
  std::fill_n(most, count, -std::numeric_limits<T>::infinity());
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t c = 0; c < count; ++c) {
      const T v = x[i * count + c];
      most[c] = (v > most[c]) | (v != v) ? v : most[c];
    }
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t c = 0; c < count; ++c) x[i * count + c] -= most[c];
  if (p.logarithm) {
    T work[kColumns];
    for (int64_t i = 0; i < p.n; ++i) {
      std::copy_n(x + i * count, count, work);
      std::fill(work + count, work + kColumns, T(0));
      exponentials(work, count);
      for (int64_t c = 0; c < count; ++c) sum[c] += work[c];
    }
    for (int64_t c = 0; c < count; ++c) sum[c] = std::log(sum[c]);
    for (int64_t i = 0; i < p.n; ++i)
      for (int64_t c = 0; c < count; ++c) x[i * count + c] -= sum[c];
    return;
  }
  exponentials(x, p.n * count);
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t c = 0; c < count; ++c) sum[c] += x[i * count + c];
  for (int64_t c = 0; c < count; ++c) sum[c] = 1 / sum[c];
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t c = 0; c < count; ++c) x[i * count + c] *= sum[c];
}

template <class T>
void run_softmax_as(const Plan& p, const Operands& o, const KernelContext& context) {
  const Memory<T> m{o.in(0), o.out(0)};
  const int64_t elements = p.rows * p.n * p.inner;
  if (p.inner == 1)
    return for_units<T>(p.rows, elements, softmax_buffer(p), context, [&](int64_t r, T* x) {
      m.get(x, r * p.n, p.n);
      softmax_row(p, x);
      m.put(x, r * p.n, p.n);
    });
  const int64_t pieces = (p.inner + kColumns - 1) / kColumns;
  for_units<T>(p.rows * pieces, elements, softmax_buffer(p), context, [&](int64_t u, T* x) {
    const int64_t begin = u % pieces * kColumns, count = std::min(kColumns, p.inner - begin), base = u / pieces * p.n * p.inner + begin;
    for (int64_t i = 0; i < p.n; ++i) m.get(x + i * count, base + i * p.inner, count);
    softmax_columns(p, count, x);
    for (int64_t i = 0; i < p.n; ++i) m.put(x + i * count, base + i * p.inner, count);
  });
}

bool takes(const TensorView& x, const TensorView& y) {
  return (x.dtype == DType::f64 || x.dtype == DType::f16 || x.dtype == DType::bf16) && y.dtype == x.dtype && x.is_contiguous() && y.is_contiguous() && x.numel() > 0;
}
template <bool logarithm>
bool prepare_softmax(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  const TensorView& x = o.in(0);
  int dim;
  if (!takes(x, o.out(0)) || x.rank() == 0 || ops::wrap_dim(o.args[1]->integer, x.rank(), &dim)) return false;
  p->logarithm = logarithm;
  p->n = x.size(dim);
  for (int d = 0; d < dim; ++d) p->rows *= x.size(d);
  for (int d = dim + 1; d < x.rank(); ++d) p->inner *= x.size(d);
  *scratch = static_cast<size_t>(softmax_buffer(*p)) * o.threads * (x.dtype == DType::f64 ? 8 : 4);
  return true;
}
Error run_softmax(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  o.in(0).dtype == DType::f64 ? run_softmax_as<double>(p, o, context) : run_softmax_as<float>(p, o, context);
  return {};
}

// --- norms of rows, f64 ---

bool plan_rows(const Operands& o, Plan* p) {
  const TensorView& x = o.in(0);
  const int items = static_cast<int>(o.args[1]->ints.count);
  if (!takes(x, o.out(0)) || x.dtype != DType::f64 || items < 1 || items > x.rank()) return false;
  for (int d = x.rank() - items; d < x.rank(); ++d) p->n *= x.size(d);
  p->rows = x.numel() / p->n;
  for (size_t i : {2, 3})
    if (i < o.args.size() && (o.args[i]->kind == Value::Kind::tensor))
      if (const TensorView* t = o.optional(i); t->dtype != x.dtype || !t->is_contiguous() || t->numel() != p->n) return false;
  return true;
}
template <bool centred>
bool prepare_norm(const Operands& o, void* state, size_t*) {
  auto* p = new (state) Plan;
  if (!plan_rows(o, p)) return false;
  p->eps = centred ? Args(o.args).real(4) : Args(o.args).real(3, std::numeric_limits<double>::epsilon());
  return true;
}
template <bool centred>
Error run_norm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const double *weight = o.optional(2) ? o.optional(2)->as<double>() : nullptr, *bias = centred && o.optional(3) ? o.optional(3)->as<double>() : nullptr;
  for_units<double>(p.rows, p.rows * p.n, 0, context, [&](int64_t r, double*) {
    const double* x = o.in(0).as<double>() + r * p.n;
    double* y = o.out(0).as<double>() + r * p.n;
    const auto n = static_cast<double>(p.n);
    const double mean = centred ? sum_of(x, p.n) / n : 0, factor = 1 / std::sqrt(squares_of(x, p.n, mean) / n + p.eps);
    if (weight && bias)
      for (int64_t i = 0; i < p.n; ++i) y[i] = (x[i] - mean) * factor * weight[i] + bias[i];
    else
      for (int64_t i = 0; i < p.n; ++i) y[i] = (x[i] - mean) * factor * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
  });
  return {};
}

// --- group norm ---

bool prepare_group_norm(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  const Args a(o.args);
  const TensorView& x = o.in(0);
  if (!takes(x, o.out(0)) || x.rank() < 2 || a.integer(6) < 1) return false;
  p->groups = a.integer(6);
  p->channels = x.size(1);
  p->rows = x.size(0) * p->groups;
  p->n = x.numel() / p->rows;
  p->eps = a.real(7);
  *scratch = x.dtype == DType::f64 ? static_cast<size_t>(padded(p->n)) * o.threads * 8 : static_cast<size_t>(padded(p->n)) * o.threads * 4;
  return o.out(1).is_contiguous() && o.out(2).is_contiguous() && p->channels % p->groups == 0;
}
template <class T>
void run_group_norm_as(const Plan& p, const Operands& o, const KernelContext& context) {
  const Memory<T> m{o.in(0), o.out(0)};
  const TensorView *weight = o.optional(1), *bias = o.optional(2);
  const int64_t each = p.channels / p.groups, area = p.n / each;
  for_units<T>(p.rows, p.rows * p.n, padded(p.n), context, [&](int64_t r, T* x) {
    m.get(x, r * p.n, p.n);
    const auto n = static_cast<double>(p.n);
    const double mean = sum_of(x, p.n) / n, rstd = 1 / std::sqrt(squares_of(x, p.n, static_cast<T>(mean)) / n + p.eps);
    for (int64_t i = 0; i < each; ++i) {
      const int64_t c = r % p.groups * each + i;
      const auto w = static_cast<T>(rstd * (weight ? ops::load_real(*weight, c * weight->strides[0]) : 1));
      const auto b = static_cast<T>(bias ? ops::load_real(*bias, c * bias->strides[0]) : 0), about = static_cast<T>(mean);
      T* const plane = x + i * area;
      PF_PLAIN_LOOP
      for (int64_t k = 0; k < area; ++k) plane[k] = (plane[k] - about) * w + b;
    }
    m.put(x, r * p.n, p.n);
    ops::store_real(o.out(1), r, mean);
    ops::store_real(o.out(2), r, rstd);
  });
}
Error run_group_norm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  o.in(0).dtype == DType::f64 ? run_group_norm_as<double>(p, o, context) : run_group_norm_as<float>(p, o, context);
  return {};
}

}  // namespace

extern const Kernel kSoftmax, kLogSoftmax, kLayerNorm, kRmsNorm, kGroupNorm;
const Kernel kSoftmax = {"aten::_softmax", sizeof(Plan), prepare_softmax<false>, run_softmax};
const Kernel kLogSoftmax = {"aten::_log_softmax", sizeof(Plan), prepare_softmax<true>, run_softmax};
const Kernel kLayerNorm = {"aten::layer_norm", sizeof(Plan), prepare_norm<true>, run_norm<true>};
const Kernel kRmsNorm = {"aten::rms_norm", sizeof(Plan), prepare_norm<false>, run_norm<false>};
const Kernel kGroupNorm = {"aten::native_group_norm", sizeof(Plan), prepare_group_norm, run_group_norm};

}  // namespace portfire::wide_rows
