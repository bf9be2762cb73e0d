// Kernels that work row by row along the last dimension: softmax, layer norm, RMS norm, in f32.
#include <algorithm>
#include <cstring>

#include "kernels/kernel.h"
#include "kernels/norm/rows.h"
#include "kernels/thread_pool.h"

namespace portfire::rows {
namespace {

struct Plan {
  int64_t rows, n;
  float eps;
};

constexpr int64_t kGrain = 32 << 10;  // elements for each thread at least

// Contiguous f32 in and out, rows along the last `dims` dimensions.
bool plan_rows(const Operands& o, int dims, Plan* p) {
  const TensorView &x = o.in(0), &y = o.out(0);
  if (x.dtype != DType::f32 || y.dtype != DType::f32 || !x.is_contiguous() || !y.is_contiguous() || x.rank() < dims || dims < 1) return false;
  p->n = 1;
  for (int d = x.rank() - dims; d < x.rank(); ++d) p->n *= x.size(d);
  p->rows = p->n ? x.numel() / p->n : 0;
  return true;
}

template <class F>
void for_rows(const Plan& p, ThreadPool* pool, F f) {
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(p.rows * p.n / kGrain, 1, threads * 2);
  parallel(pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    for (int64_t r = p.rows * static_cast<int64_t>(t) / tasks; r < p.rows * static_cast<int64_t>(t + 1) / tasks; ++r) f(r);
  });
}

bool prepare_softmax(const Operands& o, void* state, size_t*) {
  const int64_t dim = o.args[1]->integer;
  return (dim == -1 || dim == o.in(0).rank() - 1) && plan_rows(o, 1, new (state) Plan);
}

Error run_softmax(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const Functions& f = functions();
  const auto n = static_cast<size_t>(p.n);
  for_rows(p, context.pool, [&](int64_t r) {
    const float* x = o.in(0).as<float>() + r * p.n;
    float* y = o.out(0).as<float>() + r * p.n;
    if (x != y) std::memcpy(y, x, n * sizeof(float));
    const float sum = f.exp_row(y, n, 1, nullptr, nullptr);
    f.scale_row(y, n, sum == 0 ? __builtin_nanf("") : 1 / sum);  // a row of -inf has no softmax
    if (sum == 0) std::fill_n(y, n, __builtin_nanf(""));
  });
  return {};
}

bool vector_or_none(const Operands& o, size_t i, int64_t n) {
  const TensorView* t = o.optional(i);
  return !t || (t->dtype == DType::f32 && t->is_contiguous() && t->numel() == n);
}
const float* data_or_null(const Operands& o, size_t i) { return o.optional(i) ? o.optional(i)->as<float>() : nullptr; }

bool prepare_layer_norm(const Operands& o, void* state, size_t*) {
  auto* p = new (state) Plan;
  if (!plan_rows(o, static_cast<int>(o.args[1]->ints.count), p)) return false;
  p->eps = static_cast<float>(Args(o.args).real(4));
  return vector_or_none(o, 2, p->n) && vector_or_none(o, 3, p->n);
}

Error run_layer_norm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const auto norm = functions().layer_norm;
  for_rows(p, context.pool, [&](int64_t r) {
    norm(o.in(0).as<float>() + r * p.n, o.out(0).as<float>() + r * p.n, static_cast<size_t>(p.n), data_or_null(o, 2), data_or_null(o, 3), p.eps);
  });
  return {};
}

bool prepare_rms_norm(const Operands& o, void* state, size_t*) {
  auto* p = new (state) Plan;
  if (!plan_rows(o, static_cast<int>(o.args[1]->ints.count), p)) return false;
  p->eps = static_cast<float>(Args(o.args).real(3, 1.1920928955078125e-07));  // PyTorch: the dtype's epsilon
  return vector_or_none(o, 2, p->n);
}

Error run_rms_norm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const auto norm = functions().rms_norm;
  for_rows(p, context.pool, [&](int64_t r) {
    norm(o.in(0).as<float>() + r * p.n, o.out(0).as<float>() + r * p.n, static_cast<size_t>(p.n), data_or_null(o, 2), p.eps);
  });
  return {};
}

}  // namespace

extern const Kernel kSoftmax, kLayerNorm, kRmsNorm;
const Kernel kSoftmax = {"aten::_softmax", sizeof(Plan), prepare_softmax, run_softmax};
const Kernel kLayerNorm = {"aten::layer_norm", sizeof(Plan), prepare_layer_norm, run_layer_norm};
const Kernel kRmsNorm = {"aten::rms_norm", sizeof(Plan), prepare_rms_norm, run_rms_norm};

}  // namespace portfire::rows
