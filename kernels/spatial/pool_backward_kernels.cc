// Gradients of pooling by mean, with windows or adaptive, in f32 and f64: each result's share is added to all that its window
// covers, plane by plane.
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/spatial/rows_of_planes.h"
#include "ops/avg_pool.h"

namespace portfire::spatial {
namespace {

using ops::Range;

struct Plan {
  bool adaptive = false;
  ops::avg_pool::Pool pool;
  TensorView grad, out;

  Range range(int d, int64_t o) const {
    return adaptive ? ops::adaptive_range(o, out.size(2 + d), grad.size(2 + d)) : pool.window.range(d, o, out.size(2 + d));
  }
  int64_t divisor(const int64_t* at, const Range* covered) const {
    if (!adaptive) return pool.divide_by(at, covered);
    int64_t n = 1;
    for (int d = 0; d < 3; ++d) n *= covered[d].end - covered[d].begin;
    return n;
  }
};

bool plan(const Operands& o, bool adaptive, int spatial, Plan* p) {
  const TensorView &grad = o.in(0), &x = o.in(1), &out = o.out(0);
  if ((out.dtype != DType::f32 && out.dtype != DType::f64) || grad.dtype != out.dtype || !out.is_contiguous() || out.numel() == 0 || grad.numel() == 0) return false;
  if (x.rank() != spatial + 1 && x.rank() != spatial + 2) return false;
  p->adaptive = adaptive;
  if (!adaptive && ops::avg_pool::read(Args(o.args), x, 2, spatial, &p->pool)) return false;
  p->grad = ops::as_volume(grad, spatial);
  p->out = ops::as_volume(out, spatial);
  return p->grad.size(0) == p->out.size(0) && p->grad.size(1) == p->out.size(1);
}

template <class T>
void run_as(const Plan& p, ThreadPool* pool) {
  const TensorView &grad = p.grad, &out = p.out;
  const int64_t planes = out.size(0) * out.size(1), area = out.size(2) * out.size(3) * out.size(4), threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(planes * area >> 14, 1, std::min(planes, threads * 4));
  parallel(pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    for (int64_t plane = planes * static_cast<int64_t>(t) / tasks; plane < planes * static_cast<int64_t>(t + 1) / tasks; ++plane) {
      T* const to = out.as<T>() + plane * area;
      const T* const from = grad.as<T>() + plane / grad.size(1) * grad.strides[0] + plane % grad.size(1) * grad.strides[1];
      std::fill_n(to, area, T(0));
      int64_t at[3];
      for (at[0] = 0; at[0] < grad.size(2); ++at[0])
        for (at[1] = 0; at[1] < grad.size(3); ++at[1])
          for (at[2] = 0; at[2] < grad.size(4); ++at[2]) {
            const Range covered[] = {p.range(0, at[0]), p.range(1, at[1]), p.range(2, at[2])};
            const T share = from[at[0] * grad.strides[2] + at[1] * grad.strides[3] + at[2] * grad.strides[4]] / static_cast<T>(p.divisor(at, covered));
            for (int64_t d = covered[0].begin; d < covered[0].end; ++d)
              for (int64_t h = covered[1].begin; h < covered[1].end; ++h) {
                T* const row = to + (d * out.size(3) + h) * out.size(4);
                for (int64_t w = covered[2].begin; w < covered[2].end; ++w) row[w] += share;
              }
          }
    }
  });
}

template <bool adaptive, int spatial>
bool prepare(const Operands& o, void*, size_t*) {
  Plan p;
  return plan(o, adaptive, spatial, &p);
}
template <bool adaptive, int spatial>
Error run(const void*, const Operands& o, const KernelContext& context) {
  Plan p;
  if (!plan(o, adaptive, spatial, &p)) return Error::make(Code::bad_argument, "a gradient of other arguments than planned");
  p.out.dtype == DType::f64 ? run_as<double>(p, context.pool) : run_as<float>(p, context.pool);
  return {};
}

}  // namespace

#define PF_POOL_KERNEL(name, op, adaptive, spatial) \
  extern const Kernel name;                         \
  const Kernel name = {op, 0, prepare<adaptive, spatial>, run<adaptive, spatial>};
PF_POOL_KERNEL(kAvgPool2dBackward, "aten::avg_pool2d_backward", false, 2)
PF_POOL_KERNEL(kAvgPool3dBackward, "aten::avg_pool3d_backward", false, 3)
PF_POOL_KERNEL(kAdaptiveAvgPool2dBackward, "aten::_adaptive_avg_pool2d_backward", true, 2)
PF_POOL_KERNEL(kAdaptiveAvgPool3dBackward, "aten::_adaptive_avg_pool3d_backward", true, 3)
#undef PF_POOL_KERNEL

}  // namespace portfire::spatial
