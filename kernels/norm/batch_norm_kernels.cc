// portfire::batch_norm_train and portfire::batch_norm_backward in f32: channel by channel, of each the planes of all images one
// after the other, three and two times; they stay in a cache meanwhile. Threads share channels.
#include <algorithm>
#include <cmath>
#include <new>

#include "kernels/copy/strided.h"
#include "kernels/kernel.h"
#include "kernels/norm/rows.h"
#include "kernels/thread_pool.h"

namespace portfire::rows {
namespace {

constexpr int64_t kGrain = 16 << 10;  // elements for each thread at least

struct Plan {
  int64_t images, channels, area;
  double eps;
};

// Operands [first, first + count) of x's type; results contiguous.
bool plan(const Operands& o, const TensorView& x, size_t tensors, Plan* p) {
  if (x.dtype != DType::f32 || x.rank() < 2 || x.numel() == 0) return false;
  for (size_t i = 0; i < tensors; ++i)
    if (const TensorView* t = o.optional(i); t && (t->dtype != DType::f32 || (t->rank() == 1 && !t->is_contiguous()))) return false;
  for (const TensorView* t : o.outs)
    if (t->dtype != DType::f32 || !t->is_contiguous()) return false;
  p->images = x.size(0);
  p->channels = x.size(1);
  p->area = x.numel() / (p->images * p->channels);
  return true;
}

template <class F>
void for_channels(const Plan& p, ThreadPool* pool, F f) {
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(p.images * p.channels * p.area / kGrain, 1, std::min(p.channels, threads * 3));
  parallel(pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    for (int64_t c = p.channels * static_cast<int64_t>(t) / tasks; c < p.channels * static_cast<int64_t>(t + 1) / tasks; ++c) f(c);
  });
}

const float* element(const TensorView* t, int64_t c) { return t ? t->as<float>() + c : nullptr; }

bool prepare_train(const Operands& o, void* state, size_t*) {
  auto* p = new (state) Plan;
  p->eps = Args(o.args).real(3);
  return plan(o, o.in(0), 3, p);
}

Error run_train(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const Functions& f = functions();
  float* const y = o.out(0).as<float>();
  const bool in_place = !o.in(0).is_contiguous();  // then it is copied into the result, and finished there
  if (in_place) copy::copy(o.out(0), o.in(0), context.pool);
  const float* const x = in_place ? y : o.in(0).as<float>();
  const auto n = static_cast<size_t>(p.area);
  const double count = static_cast<double>(p.images) * static_cast<double>(p.area);
  for_channels(p, context.pool, [&](int64_t c) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < p.images; ++i) sum += f.sum(x + (i * p.channels + c) * p.area, n);
    const auto mean = static_cast<float>(sum / count);
    for (int64_t i = 0; i < p.images; ++i) squares += f.squares(x + (i * p.channels + c) * p.area, n, mean);
    const auto rstd = static_cast<float>(1 / std::sqrt(squares / count + p.eps));
    const float *weight = element(o.optional(1), c), *bias = element(o.optional(2), c);
    for (int64_t i = 0; i < p.images; ++i) {
      const int64_t at = (i * p.channels + c) * p.area;
      f.affine(x + at, y + at, n, mean, weight ? rstd * *weight : rstd, bias ? *bias : 0);
    }
    o.out(1).as<float>()[c] = mean;
    o.out(2).as<float>()[c] = static_cast<float>(squares / count);
  });
  return {};
}

// grad_output, input, weight, mean, var, eps
bool prepare_backward(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  p->eps = Args(o.args).real(5);
  if (!plan(o, o.in(1), 5, p)) return false;
  *scratch = copy::contiguous_bytes(o.in(0)) + copy::contiguous_bytes(o.in(1));
  return true;
}

Error run_backward(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const Functions& f = functions();
  std::byte* memory = context.scratch.data();
  const float* const grad = copy::contiguous(o.in(0), &memory, context.pool).as<float>();
  const float* const x = copy::contiguous(o.in(1), &memory, context.pool).as<float>();
  float* const dx = o.out(0).as<float>();
  const auto n = static_cast<size_t>(p.area);
  const double count = static_cast<double>(p.images) * static_cast<double>(p.area);
  for_channels(p, context.pool, [&](int64_t c) {
    const float mean = *element(&o.in(3), c);
    const double rstd = 1 / std::sqrt(static_cast<double>(*element(&o.in(4), c)) + p.eps);
    double sum = 0, products = 0;
    for (int64_t i = 0; i < p.images; ++i) {
      const int64_t at = (i * p.channels + c) * p.area;
      const Sums s = f.sums(grad + at, x + at, n, mean);
      sum += s.grad;
      products += s.products;
    }
    products *= rstd;
    const float* weight = element(o.optional(2), c);
    const double by = rstd * (weight ? static_cast<double>(*weight) : 1);
    // by * (d - sum / count - (x - mean) * rstd * products / count)
    const auto factor = static_cast<float>(by), shift = static_cast<float>(-by * sum / count), slope = static_cast<float>(-by * rstd * products / count);
    for (int64_t i = 0; i < p.images; ++i) {
      const int64_t at = (i * p.channels + c) * p.area;
      f.combine(grad + at, x + at, dx + at, n, factor, shift, slope, mean);
    }
    o.out(1).as<float>()[c] = static_cast<float>(products);
    o.out(2).as<float>()[c] = static_cast<float>(sum);
  });
  return {};
}

}  // namespace

extern const Kernel kBatchNormTrain, kBatchNormBackward;
const Kernel kBatchNormTrain = {"portfire::batch_norm_train", sizeof(Plan), prepare_train, run_train};
const Kernel kBatchNormBackward = {"portfire::batch_norm_backward", sizeof(Plan), prepare_backward, run_backward};

}  // namespace portfire::rows
