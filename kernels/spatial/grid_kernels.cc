// aten::grid_sampler_2d and _3d of f32 and f64: for some points at a time where they lie and with what weights,
// then all channels.
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/grid_points.h"
#include "ops/spatial.h"

namespace portfire::spatial {
namespace {

constexpr int64_t kPoints = 64;  // at a time
constexpr int kTaps = 16;        // of a point: 4 x 4, or 2 x 2 x 2

template <class T>
struct Points {
  int64_t offset[kPoints][kTaps];
  T weight[kPoints][kTaps];
  int count[kPoints];
  int64_t to[kPoints];
  // Points that lie inside with all their taps, then the others: loops over the former do not branch.
  int order[kPoints], whole = 0;
};

// The inputs of one point that lie inside.
template <class T, class Rule>
void locate(const Rule& rule, const TensorView& x, const TensorView& grid, int64_t from, int spatial, int64_t at, Points<T>* p) {
  using ops::grid_sampler::Taps;
  Taps taps[ops::kVolumeDims];
  for (int d = 0; d < ops::kVolumeDims; ++d) {
    const int i = ops::kVolumeDims - 1 - d;  // the grid's coordinates: x, y, z
    taps[d] = i >= spatial ? Taps{{0}, {1}, 1} : ops::grid_sampler::taps_of(static_cast<double>(grid.as<const T>()[from + i * grid.strides[spatial + 1]]), x.size(2 + d), rule);
  }
  int count = 0;
  for (int i = 0; i < taps[0].count; ++i)
    for (int j = 0; j < taps[1].count; ++j)
      for (int k = 0; k < taps[2].count; ++k) {
        const int64_t d = taps[0].index[i], h = taps[1].index[j], w = taps[2].index[k];
        if (d < 0 || d >= x.size(2) || h < 0 || h >= x.size(3) || w < 0 || w >= x.size(4)) continue;
        p->offset[at][count] = d * x.strides[2] + h * x.strides[3] + w * x.strides[4];
        p->weight[at][count++] = static_cast<T>(taps[0].weight[i] * taps[1].weight[j] * taps[2].weight[k]);
      }
  p->count[at] = count;
}

template <class T>
void put_in_order(Points<T>* p, int64_t points, int taps) {
  int others = static_cast<int>(points);
  p->whole = 0;
  for (int i = 0; i < points; ++i) (p->count[i] == taps ? p->order[p->whole++] : p->order[--others]) = i;
}

template <class T>
void sample(const Points<T>& p, int64_t points, int taps, const T* x, T* y) {
  if (taps == 1)
    for (int k = 0; k < p.whole; ++k) y[p.to[p.order[k]]] = p.weight[p.order[k]][0] * x[p.offset[p.order[k]][0]];
  else if (taps == 4)
    for (int k = 0; k < p.whole; ++k) {
      const int64_t* offset = p.offset[p.order[k]];
      const T* weight = p.weight[p.order[k]];
      y[p.to[p.order[k]]] = weight[0] * x[offset[0]] + weight[1] * x[offset[1]] + (weight[2] * x[offset[2]] + weight[3] * x[offset[3]]);
    }
  for (int64_t k = taps == 1 || taps == 4 ? p.whole : 0; k < points; ++k) {
    const int i = p.order[k];
    T sum = 0;
    for (int t = 0; t < p.count[i]; ++t) sum += p.weight[i][t] * x[p.offset[i][t]];
    y[p.to[i]] = sum;
  }
}

template <class T>
void run_as(const Operands& o, int spatial, ThreadPool* pool) {
  const TensorView &grid = o.in(1), &y = o.out(0), x = ops::as_volume(o.in(0), spatial);
  const auto rule = ops::grid_sampler::rule_of(Args(o.args), spatial, [](double v) { return static_cast<double>(static_cast<T>(v)); });
  int64_t each = 1;  // points of an item
  for (int d = 0; d < spatial; ++d) each *= grid.size(1 + d);
  using ops::grid_sampler::kCubic;
  using ops::grid_sampler::kNearest;
  const int taps = rule.mode == kNearest ? 1 : rule.mode == kCubic ? 16 : 1 << spatial;
  const int64_t blocks = (each + kPoints - 1) / kPoints;
  parallel(pool, static_cast<size_t>(x.size(0) * blocks), [&](size_t task, size_t) {
    const int64_t n = static_cast<int64_t>(task) / blocks, first = static_cast<int64_t>(task) % blocks * kPoints, count = std::min(kPoints, each - first);
    Points<T> p;
    for (int64_t i = 0; i < count; ++i) {
      int64_t rest = first + i, from = n * grid.strides[0];
      p.to[i] = 0;
      for (int d = spatial - 1; d >= 0; rest /= grid.size(1 + d--)) {
        from += rest % grid.size(1 + d) * grid.strides[1 + d];
        p.to[i] += rest % grid.size(1 + d) * y.strides[2 + d];
      }
      locate(rule, x, grid, from, spatial, i, &p);
    }
    put_in_order(&p, count, taps);
    for (int64_t c = 0; c < x.size(1); ++c)
      sample(p, count, taps, x.as<const T>() + n * x.strides[0] + c * x.strides[1], y.as<T>() + n * y.strides[0] + c * y.strides[1]);
  });
}

template <int spatial>
bool prepare(const Operands& o, void*, size_t*) {
  const DType t = o.in(0).dtype;
  return (t == DType::f32 || t == DType::f64) && o.in(1).dtype == t && o.out(0).dtype == t && o.out(0).numel() > 0 && o.in(0).numel() > 0;
}
template <int spatial>
Error run(const void*, const Operands& o, const KernelContext& context) {
  o.in(0).dtype == DType::f64 ? run_as<double>(o, spatial, context.pool) : run_as<float>(o, spatial, context.pool);
  return {};
}

}  // namespace

extern const Kernel kGridSampler2d, kGridSampler3d;
const Kernel kGridSampler2d = {"aten::grid_sampler_2d", 0, prepare<2>, run<2>};
const Kernel kGridSampler3d = {"aten::grid_sampler_3d", 0, prepare<3>, run<3>};

}  // namespace portfire::spatial
