// Gradients of layer norm, softmax and its logarithm in f32, row by row. Operands that are not contiguous are copied first.
//
// The gradients of weight and bias are sums over rows: some rows together into sums of their own, then those in order, so that
// they do not depend on threads.
#include <algorithm>
#include <new>

#include "kernels/copy/strided.h"
#include "kernels/kernel.h"
#include "kernels/norm/rows.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"

namespace portfire::rows {
namespace {

constexpr int64_t kGrain = 16 << 10;  // elements for each thread at least
constexpr int64_t kParts = 16;        // sums over rows, at most

struct Plan {
  int64_t rows, n, parts;
  size_t sums;  // floats of scratch, for those of a part
};

// Of the first two operands, rows of n elements.
bool plan_rows(const Operands& o, Plan* p, size_t* scratch) {
  for (size_t i = 0; i < 2; ++i)
    if (o.in(i).dtype != DType::f32) return false;
  p->rows = p->n ? o.in(0).numel() / p->n : 0;
  p->parts = 0;
  p->sums = 0;
  for (size_t i = 0; i < 2; ++i) *scratch += copy::contiguous_bytes(o.in(i));
  return true;
}
struct Rows {
  const float* of[2];
  float* sums;  // behind the copies
};
Rows arrange(const Operands& o, const KernelContext& context) {
  std::byte* memory = context.scratch.data();
  Rows r{};
  for (size_t i = 0; i < 2; ++i) r.of[i] = copy::contiguous(o.in(i), &memory, context.pool).as<float>();
  r.sums = reinterpret_cast<float*>(memory);
  return r;
}

// --- softmax ---

bool prepare_softmax(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  const TensorView& y = o.in(1);
  int dim;
  if (y.rank() == 0 || ops::wrap_dim(o.args[2]->integer, y.rank(), &dim) || dim + 1 != y.rank() || o.out(0).dtype != DType::f32 || !o.out(0).is_contiguous()) return false;
  p->n = y.size(dim);
  return plan_rows(o, p, scratch);
}

template <bool logarithm>
Error run_softmax(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const Functions& f = functions();
  const Rows r = arrange(o, context);
  const auto n = static_cast<size_t>(p.n);
  float* const out = o.out(0).as<float>();
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1, tasks = std::clamp<int64_t>(p.rows * p.n / kGrain, 1, threads * 2);
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    for (int64_t i = p.rows * static_cast<int64_t>(t) / tasks; i < p.rows * static_cast<int64_t>(t + 1) / tasks; ++i)
      if (logarithm)
        f.log_softmax_backward(r.of[1] + i * p.n, r.of[0] + i * p.n, out + i * p.n, n);
      else
        f.softmax_backward(r.of[1] + i * p.n, r.of[0] + i * p.n, out + i * p.n, n, 1);
  });
  return {};
}

// --- layer norm: grad_out, input, normalized_shape, mean, rstd, weight, bias, output_mask ---

bool prepare_layer_norm(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  p->n = 1;
  for (uint32_t i = 0; i < o.args[2]->ints.count; ++i) p->n *= o.args[2]->ints.data[i];
  if (p->n == 0 || !plan_rows(o, p, scratch)) return false;
  for (size_t i : {3, 4})
    if (o.in(i).dtype != DType::f32 || !o.in(i).is_contiguous()) return false;
  if (const TensorView* w = o.optional(5); w && (w->dtype != DType::f32 || !w->is_contiguous())) return false;
  for (size_t i = 0; i < 3; ++i)
    if (o.out(i).dtype != DType::f32 || !o.out(i).is_contiguous()) return false;
  p->parts = std::clamp<int64_t>(p->rows * p->n / kGrain, 1, std::clamp<int64_t>(p->rows, 1, kParts));
  p->sums = padded(p->n);
  *scratch += static_cast<size_t>(p->parts) * 2 * p->sums * sizeof(float);
  return true;
}

Error run_layer_norm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const auto backward = functions().norm_backward;
  const Rows r = arrange(o, context);
  const auto mask = Args(o.args).booleans(7);
  const auto n = static_cast<size_t>(p.n);
  const float *mean = o.in(3).as<float>(), *rstd = o.in(4).as<float>(), *weight = o.optional(5) ? o.optional(5)->as<float>() : nullptr;
  const bool to_weight = mask[1] && weight, to_bias = mask[2];
  float* const dx = mask[0] ? o.out(0).as<float>() : nullptr;
  parallel(context.pool, static_cast<size_t>(p.parts), [&](size_t t, size_t) {
    float *const dweight = r.sums + 2 * t * p.sums, *const dbias = dweight + p.sums;
    std::fill_n(dweight, 2 * p.sums, 0.0f);
    for (int64_t i = p.rows * static_cast<int64_t>(t) / p.parts; i < p.rows * static_cast<int64_t>(t + 1) / p.parts; ++i)
      backward({r.of[0] + i * p.n, r.of[1] + i * p.n, weight, n, {mean[i], rstd[i]}, dx ? dx + i * p.n : nullptr, to_weight ? dweight : nullptr, to_bias ? dbias : nullptr, true});
  });
  const auto total = [&](size_t which, float* to) {
    for (size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (int64_t t = 0; t < p.parts; ++t) sum += r.sums[(2 * static_cast<size_t>(t) + which) * p.sums + i];
      to[i] = static_cast<float>(sum);
    }
  };
  if (to_weight) total(0, o.out(1).as<float>());
  if (to_bias) total(1, o.out(2).as<float>());
  return {};
}

}  // namespace

extern const Kernel kSoftmaxBackward, kLogSoftmaxBackward, kLayerNormBackward;
const Kernel kSoftmaxBackward = {"aten::_softmax_backward_data", sizeof(Plan), prepare_softmax, run_softmax<false>};
const Kernel kLogSoftmaxBackward = {"aten::_log_softmax_backward_data", sizeof(Plan), prepare_softmax, run_softmax<true>};
const Kernel kLayerNormBackward = {"aten::native_layer_norm_backward", sizeof(Plan), prepare_layer_norm, run_layer_norm};

}  // namespace portfire::rows
