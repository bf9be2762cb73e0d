// Convolutions of one tap (1 x 1), whose weights are only known at run time, are matrix products as their operands lie,
// image by image:
//   forward              y [O, pixels] = w [O, C] x [C, pixels]
//   transposed           y [O, pixels] = w^T x, w [C, O]
//   gradient of weights  dw [O, C] = sum over images of dy [O, pixels] x^T
#include <algorithm>
#include <new>

#include "kernels/gemm/blocked.h"
#include "kernels/gemm/blocks.h"
#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/convolution.h"
#include "ops/convolution_backward.h"
#include "ops/rows.h"

namespace portfire::conv {
namespace {

using gemm::Blocked;

struct Plan {
  int64_t images, outs, ins, pixels;
  bool transposed;
  size_t scratch;  // floats for a thread
};

// The pixels of a plane are one run.
bool planes_are_runs(const TensorView& t, int spatial) {
  const TensorView v = ops::as_volume(t, spatial);
  int64_t step = 1;
  for (int d = 4; d >= 2; --d) {
    if (v.size(d) != 1 && v.strides[d] != step) return false;
    step *= v.size(d);
  }
  return true;
}
template <class G>
bool one_tap(const G& g, const TensorView& w) {
  for (int d = 0; d < 3; ++d)
    if (g.stride[d] != 1 || g.padding[d] != 0) return false;
  for (int d = 2; d < w.rank(); ++d)
    if (w.size(d) != 1) return false;
  return g.groups == 1;
}
bool all_f32(std::initializer_list<const TensorView*> tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const TensorView* t) { return t->dtype == DType::f32 && t->numel() > 0; });
}

Blocked image_of(const Plan& p, const TensorView& x, const float* w, float* y, int64_t image) {
  const gemm::Left left{w, p.transposed ? 1 : p.ins, p.transposed ? p.outs : 1};
  return {static_cast<size_t>(p.outs), static_cast<size_t>(p.pixels), static_cast<size_t>(p.ins), left, {x.as<float>() + image * x.strides[0], x.strides[1], 1},
          y + image * p.outs * p.pixels, p.pixels, {}};
}

bool prepare(const Operands& o, void* state, size_t* scratch) {
  const TensorView &x = o.in(0), &w = o.in(1), &y = o.out(0);
  ops::convolution::Geometry g;
  if (!all_f32({&x, &w, &y}) || !w.is_contiguous() || !y.is_contiguous() || ops::convolution::read_geometry(Args(o.args), &g)) return false;
  if (!one_tap(g, w) || std::any_of(g.extra, g.extra + 3, [](int64_t e) { return e != 0; }) || !planes_are_runs(x, g.spatial)) return false;
  if (const TensorView* b = o.optional(2); b && (b->dtype != DType::f32 || !b->is_contiguous())) return false;
  Plan& p = *new (state) Plan{x.size(0), y.size(1), x.size(1), y.numel() / y.size(0) / y.size(1), g.transposed, 0};
  const Blocked one = image_of(p, x, nullptr, nullptr, 0);
  p.scratch = gemm::blocked_scratch(one.m, one.n, one.k, one.left);
  *scratch = p.scratch * o.threads * sizeof(float);
  return true;
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const TensorView* bias = o.optional(2);
  float *const y = o.out(0).as<float>(), *const memory = reinterpret_cast<float*>(context.scratch.data());
  gemm::in_items(p.images, p.images * p.outs * p.ins * p.pixels, context.pool, [&](int64_t i, size_t worker, ThreadPool* pool) {
    const Blocked g = image_of(p, o.in(0), o.in(1).as<float>(), y, i);
    gemm::run_parallel(g, memory + worker * p.scratch, pool);
    for (int64_t c = 0; bias && c < p.outs; ++c) {
      const float b = bias->as<float>()[c];
      float* const row = g.c + c * p.pixels;
      for (int64_t k = 0; k < p.pixels; ++k) row[k] += b;
    }
  });
  return {};
}

bool prepare_weight(const Operands& o, void* state, size_t* scratch) {
  const TensorView &x = o.in(0), &grad = o.in(1), &w = o.out(0);
  ops::convolution_backward::Geometry g;
  if (!all_f32({&x, &grad, &w}) || !w.is_contiguous() || ops::convolution_backward::read_geometry(Args(o.args), &g)) return false;
  if (!one_tap(g, w) || !planes_are_runs(x, g.spatial) || !planes_are_runs(grad, g.spatial)) return false;
  Plan& p = *new (state) Plan{x.size(0), grad.size(1), x.size(1), x.numel() / x.size(0) / x.size(1), false, 0};
  p.scratch = gemm::blocked_scratch(static_cast<size_t>(p.outs), static_cast<size_t>(p.ins), static_cast<size_t>(p.pixels), {nullptr, grad.strides[1], 1});
  *scratch = p.scratch * o.threads * sizeof(float);
  return true;
}

// Each part of dw is one thread's, for all images in their order.
Error run_weight(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const TensorView &x = o.in(0), &grad = o.in(1);
  float *const w = o.out(0).as<float>(), *const memory = reinterpret_cast<float*>(context.scratch.data());
  const auto outs = static_cast<size_t>(p.outs), ins = static_cast<size_t>(p.ins), pixels = static_cast<size_t>(p.pixels);
  gemm::in_parts(outs, ins, pixels * static_cast<size_t>(p.images), context.pool, [&](size_t m0, size_t m1, size_t p0, size_t p1, size_t worker) {
    for (int64_t i = 0; i < p.images; ++i) {
      Blocked g{outs, ins, pixels, {grad.as<float>() + i * grad.strides[0], grad.strides[1], 1}, {x.as<float>() + i * x.strides[0], 1, x.strides[1]}, w, p.ins, {}};
      if (i > 0) g.epilogue.residual = w;
      gemm::run(g, m0, m1, p0, p1, memory + worker * p.scratch);
    }
  });
  return {};
}

}  // namespace

extern const Kernel kPointwiseConvolution, kPointwiseConvolutionWeight;
const Kernel kPointwiseConvolution = {"aten::convolution", sizeof(Plan), prepare, run};
const Kernel kPointwiseConvolutionWeight = {"portfire::convolution_backward_weight", sizeof(Plan), prepare_weight, run_weight};

}  // namespace portfire::conv
