// Softmax and its logarithm over any dimension, layer norm, RMS norm, group norm: row by row, in f32 or,
// widened, in f16 and bf16. Inputs that are not contiguous are copied into the result and finished there.
#include <algorithm>
#include <cmath>

#include "kernels/copy/strided.h"
#include "kernels/kernel.h"
#include "kernels/norm/rows.h"
#include "kernels/pointwise/steps.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"

namespace portfire::rows {
namespace {

struct Plan {
  int64_t rows, n;        // rows of n elements that are worked on together
  int64_t inner = 1;      // columns side by side, of a softmax over another dimension than the last
  float eps = 0;
  DType dtype;
  int64_t channels = 1, groups = 1;  // of group norm
};

constexpr int64_t kGrain = 16 << 10;  // elements for each thread at least
constexpr int64_t kColumns = 512;     // that are worked on together

// Rows are the last `dims` dimensions.
bool plan_rows(const Operands& o, int dims, Plan* p, size_t* scratch) {
  const TensorView &x = o.in(0), &y = o.out(0);
  if (x.dtype != y.dtype || !is_floating(x.dtype) || x.dtype == DType::f64 || !y.is_contiguous() || x.rank() < dims || dims < 1) return false;
  p->dtype = x.dtype;
  p->n = 1;
  for (int d = x.rank() - dims; d < x.rank(); ++d) p->n *= x.size(d);
  p->rows = p->n ? x.numel() / p->n : 0;
  if (x.dtype != DType::f32) *scratch += static_cast<size_t>(p->n) * sizeof(float) * o.threads;
  return true;
}

// Calls f(row number, x, y) for all rows, in f32; x and y may be the same.
template <class F>
void for_rows(const Plan& p, const Operands& o, const KernelContext& context, F f) {
  const TensorView &x = o.in(0), &y = o.out(0);
  const bool in_place = !x.is_contiguous();
  if (in_place) copy::copy(y, x, context.pool);
  const TensorView& from = in_place ? y : x;
  const pointwise::LoadFn load = pointwise::load_fn(p.dtype);
  const pointwise::StoreFn store = pointwise::store_fn(p.dtype);
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(p.rows * p.n / kGrain, 1, threads);
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    const auto n = static_cast<size_t>(p.n);
    float* buffer = reinterpret_cast<float*>(context.scratch.data()) + t * n;
    for (int64_t r = p.rows * static_cast<int64_t>(t) / tasks; r < p.rows * static_cast<int64_t>(t + 1) / tasks; ++r) {
      if (p.dtype == DType::f32) {
        f(r, from.as<float>() + r * p.n, y.as<float>() + r * p.n);
        continue;
      }
      load(buffer, from.as<uint16_t>() + r * p.n, 1, n);
      f(r, buffer, buffer);
      store(y.as<uint16_t>() + r * p.n, buffer, 1, n);
    }
  });
}

// --- softmax ---

bool prepare_softmax(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  const TensorView& x = o.in(0);
  int dim;
  if (x.rank() == 0 || ops::wrap_dim(o.args[1]->integer, x.rank(), &dim) || !plan_rows(o, x.rank() - dim, p, scratch)) return false;
  p->n = x.size(dim);
  for (int d = dim + 1; d < x.rank(); ++d) p->inner *= x.size(d);
  return p->inner == 1 || p->dtype == DType::f32;
}

// Columns of [rows, n, inner] next to each other, in the result itself.
void softmax_columns(const Plan& p, const Operands& o, const KernelContext& context, bool logarithm) {
  const Functions& f = functions();
  copy::copy(o.out(0), o.in(0), context.pool);
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t pieces = (p.inner + kColumns - 1) / kColumns, units = p.rows * pieces;
  const int64_t tasks = std::clamp<int64_t>(p.rows * p.n * p.inner / kGrain, 1, std::min(threads * 2, std::max<int64_t>(units, 1)));
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    for (int64_t u = units * static_cast<int64_t>(t) / tasks; u < units * static_cast<int64_t>(t + 1) / tasks; ++u) {
      const int64_t begin = u % pieces * kColumns;
      const auto n = static_cast<size_t>(std::min(kColumns, p.inner - begin));
      float* y = o.out(0).as<float>() + u / pieces * p.n * p.inner + begin;
      float top[kColumns], sum[kColumns] = {};
      std::fill_n(top, n, -__builtin_inff());
      for (int64_t i = 0; i < p.n; ++i) f.column_max(top, y + i * p.inner, n);
      for (int64_t i = 0; i < p.n; ++i) f.column_exp(y + i * p.inner, top, sum, n, !logarithm);
      for (size_t c = 0; c < n; ++c) sum[c] = logarithm ? top[c] + std::log(sum[c]) : 1 / sum[c];
      for (int64_t i = 0; i < p.n; ++i) (logarithm ? f.column_shift : f.column_scale)(y + i * p.inner, sum, n);
    }
  });
}

Error run_softmax(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const Functions& f = functions();
  const auto n = static_cast<size_t>(p.n);
  if (p.inner > 1) {
    softmax_columns(p, o, context, false);
    return {};
  }
  for_rows(p, o, context, [&](int64_t, const float* x, float* y) {
    if (x != y) std::copy_n(x, n, y);
    const float sum = f.exp_row(y, n, 1, nullptr, nullptr);
    f.scale_row(y, n, 1 / sum);
    if (sum == 0) std::fill_n(y, n, __builtin_nanf(""));  // a row of -inf has no softmax
  });
  return {};
}

Error run_log_softmax(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const Functions& f = functions();
  const auto n = static_cast<size_t>(p.n);
  if (p.inner > 1) {
    softmax_columns(p, o, context, true);
    return {};
  }
  for_rows(p, o, context, [&](int64_t, const float* x, float* y) { f.affine(x, y, n, f.log_sum_exp(x, n), 1, 0); });
  return {};
}

// --- norms of rows ---

// Weights and biases are used as f32: as they are, or converted once.
bool plan_vector(const Operands& o, size_t i, const Plan& p, size_t* scratch) {
  const TensorView* t = o.optional(i);
  if (!t) return true;
  if (t->dtype != DType::f32) *scratch += static_cast<size_t>(p.n) * sizeof(float);
  return t->dtype == p.dtype && t->is_contiguous() && t->numel() == p.n;
}
const float* vector_of(const Operands& o, size_t i, const Plan& p, std::span<std::byte>* scratch) {
  const TensorView* t = o.optional(i);
  if (!t || t->dtype == DType::f32) return t ? t->as<float>() : nullptr;
  // At the end, behind the rows' buffers.
  const size_t bytes = static_cast<size_t>(p.n) * sizeof(float);
  auto* converted = reinterpret_cast<float*>(scratch->data() + scratch->size() - bytes);
  *scratch = scratch->first(scratch->size() - bytes);
  pointwise::load_fn(t->dtype)(converted, t->data, 1, static_cast<size_t>(p.n));
  return converted;
}

bool prepare_layer_norm(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  if (!plan_rows(o, static_cast<int>(o.args[1]->ints.count), p, scratch)) return false;
  p->eps = static_cast<float>(Args(o.args).real(4));
  return plan_vector(o, 2, *p, scratch) && plan_vector(o, 3, *p, scratch);
}

Error run_layer_norm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const auto norm = functions().layer_norm;
  auto scratch = context.scratch;
  const float *weight = vector_of(o, 2, p, &scratch), *bias = vector_of(o, 3, p, &scratch);
  for_rows(p, o, context, [&](int64_t, const float* x, float* y) { norm(x, y, static_cast<size_t>(p.n), weight, bias, p.eps); });
  return {};
}

bool prepare_rms_norm(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  if (!plan_rows(o, static_cast<int>(o.args[1]->ints.count), p, scratch)) return false;
  p->eps = static_cast<float>(Args(o.args).real(3, 1.1920928955078125e-07));  // PyTorch: the epsilon of f32
  return plan_vector(o, 2, *p, scratch);
}

Error run_rms_norm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const auto norm = functions().rms_norm;
  auto scratch = context.scratch;
  const float* weight = vector_of(o, 2, p, &scratch);
  for_rows(p, o, context, [&](int64_t, const float* x, float* y) { norm(x, y, static_cast<size_t>(p.n), weight, p.eps); });
  return {};
}

// --- gives mean and reciprocal deviation too ---

bool prepare_native_layer_norm(const Operands& o, void* state, size_t* scratch) {
  return prepare_layer_norm(o, state, scratch) && o.in(0).dtype == DType::f32 && o.out(1).dtype == DType::f32 && o.out(1).is_contiguous() && o.out(2).is_contiguous();
}

Error run_native_layer_norm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const auto norm = functions().layer_norm;
  const float *weight = o.optional(2) ? o.optional(2)->as<float>() : nullptr, *bias = o.optional(3) ? o.optional(3)->as<float>() : nullptr;
  for_rows(p, o, context, [&](int64_t r, const float* x, float* y) {
    const Moments m = norm(x, y, static_cast<size_t>(p.n), weight, bias, p.eps);
    o.out(1).as<float>()[r] = m.mean;
    o.out(2).as<float>()[r] = m.rstd;
  });
  return {};
}

// --- group norm ---

// Rows are the groups' channels with all their elements.
bool prepare_group_norm(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  const Args a(o.args);
  const TensorView& x = o.in(0);
  if (x.dtype != DType::f32 || x.numel() == 0 || !plan_rows(o, x.rank() - 1, p, scratch)) return false;
  p->groups = a.integer(6);
  p->channels = x.size(1);
  p->n /= p->groups;
  p->rows *= p->groups;
  p->eps = static_cast<float>(a.real(7));
  for (size_t i : {1, 2})
    if (const TensorView* t = o.optional(i); t && (t->dtype != DType::f32 || !t->is_contiguous())) return false;
  return o.out(1).dtype == DType::f32 && o.out(1).is_contiguous() && o.out(2).is_contiguous();
}

Error run_group_norm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const Functions& f = functions();
  const int64_t each = p.channels / p.groups, area = p.n / each;
  const float *weight = o.optional(1) ? o.optional(1)->as<float>() : nullptr, *bias = o.optional(2) ? o.optional(2)->as<float>() : nullptr;
  for_rows(p, o, context, [&](int64_t r, const float* x, float* y) {
    const auto n = static_cast<size_t>(p.n);
    const auto mean = static_cast<float>(f.sum(x, n) / static_cast<double>(n));
    const float rstd = 1 / std::sqrt(static_cast<float>(f.squares(x, n, mean) / static_cast<double>(n)) + p.eps);
    for (int64_t i = 0; i < each; ++i) {
      const int64_t c = r % p.groups * each + i;
      f.affine(x + i * area, y + i * area, static_cast<size_t>(area), mean, rstd * (weight ? weight[c] : 1), bias ? bias[c] : 0);
    }
    o.out(1).as<float>()[r] = mean;
    o.out(2).as<float>()[r] = rstd;
  });
  return {};
}

}  // namespace

extern const Kernel kSoftmax, kLogSoftmax, kLayerNorm, kNativeLayerNorm, kRmsNorm, kGroupNorm;
const Kernel kSoftmax = {"aten::_softmax", sizeof(Plan), prepare_softmax, run_softmax};
const Kernel kLogSoftmax = {"aten::_log_softmax", sizeof(Plan), prepare_softmax, run_log_softmax};
const Kernel kLayerNorm = {"aten::layer_norm", sizeof(Plan), prepare_layer_norm, run_layer_norm};
const Kernel kNativeLayerNorm = {"aten::native_layer_norm", sizeof(Plan), prepare_native_layer_norm, run_native_layer_norm};
const Kernel kRmsNorm = {"aten::rms_norm", sizeof(Plan), prepare_rms_norm, run_rms_norm};
const Kernel kGroupNorm = {"aten::native_group_norm", sizeof(Plan), prepare_group_norm, run_group_norm};

}  // namespace portfire::rows
