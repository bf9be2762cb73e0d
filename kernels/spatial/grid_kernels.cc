// aten::grid_sampler_2d and _3d of f32 and f64: for some points at a time where they lie and with what weights,
// then all channels. Points of a plane that are not cubic are placed in vectors.
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/spatial/grid_plane.h"
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

// Calls f(offset, weight) for the inputs of one point that lie inside.
template <class T, class Rule, class F>
void for_taps(const Rule& rule, const TensorView& x, const TensorView& grid, int64_t from, int spatial, F f) {
  using ops::grid_sampler::Taps;
  Taps taps[ops::kVolumeDims];
  for (int d = 0; d < ops::kVolumeDims; ++d) {
    const int i = ops::kVolumeDims - 1 - d;  // the grid's coordinates: x, y, z
    taps[d] = i >= spatial ? Taps{{0}, {1}, 1} : ops::grid_sampler::taps_of(static_cast<double>(grid.as<const T>()[from + i * grid.strides[spatial + 1]]), x.size(2 + d), rule);
  }
  for (int i = 0; i < taps[0].count; ++i)
    for (int j = 0; j < taps[1].count; ++j)
      for (int k = 0; k < taps[2].count; ++k) {
        const int64_t d = taps[0].index[i], h = taps[1].index[j], w = taps[2].index[k];
        if (d < 0 || d >= x.size(2) || h < 0 || h >= x.size(3) || w < 0 || w >= x.size(4)) continue;
        f(d * x.strides[2] + h * x.strides[3] + w * x.strides[4], static_cast<T>(taps[0].weight[i] * taps[1].weight[j] * taps[2].weight[k]));
      }
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

// The points of one item in row-major order, with where they lie in the grid and in the result.
struct GridWalk {
  int spatial;
  int64_t at[ops::kVolumeDims] = {}, from, to = 0;
  const TensorView *grid, *y;

  GridWalk(const TensorView& g, const TensorView& out, int dims, int64_t item, int64_t point) : spatial(dims), from(item * g.strides[0]), grid(&g), y(&out) {
    for (int d = spatial - 1; d >= 0; point /= grid->size(1 + d--)) move(d, point % grid->size(1 + d));
  }
  void next() {
    for (int d = spatial - 1; d >= 0; --d) {
      move(d, 1);
      if (at[d] < grid->size(1 + d)) return;
      move(d, -at[d]);
    }
  }

 private:
  void move(int d, int64_t steps) {
    at[d] += steps;
    from += steps * grid->strides[1 + d];
    to += steps * y->strides[2 + d];
  }
};

// Calls f(item, first point, count) for pieces of at most `most` points.
template <class F>
void for_pieces(const TensorView& grid, int spatial, int64_t most, ThreadPool* pool, F f) {
  int64_t each = 1;  // points of an item
  for (int d = 0; d < spatial; ++d) each *= grid.size(1 + d);
  const int64_t pieces = (each + most - 1) / most;
  parallel(pool, static_cast<size_t>(grid.size(0) * pieces), [&](size_t task, size_t) {
    const int64_t first = static_cast<int64_t>(task) % pieces * most;
    f(static_cast<int64_t>(task) / pieces, first, std::min(most, each - first));
  });
}

template <class T>
auto rule_of(const Operands& o, int spatial) {
  return ops::grid_sampler::rule_of(Args(o.args), spatial, [](double v) { return static_cast<double>(static_cast<T>(v)); });
}

// Offsets in a plane of the input are what grid_plane.h bears.
bool is_plane(const TensorView& x, int64_t mode, int spatial) {
  if (spatial != 2 || mode == ops::grid_sampler::kCubic || x.strides[2] < 0 || x.strides[3] < 0) return false;
  const double span = static_cast<double>(x.size(2)) * static_cast<double>(x.strides[2]) + static_cast<double>(x.size(3)) * static_cast<double>(x.strides[3]);
  return span < 0x1p31 && x.size(2) < (1 << 22) && x.size(3) < (1 << 22);
}

template <class T>
void run_plane(const Operands& o, ThreadPool* pool) {
  const TensorView &grid = o.in(1), &y = o.out(0), x = ops::as_volume(o.in(0), 2);
  const auto rule = rule_of<T>(o, 2);
  const GridPlane plane{x.size(3), x.size(4), x.strides[3], x.strides[4], rule.aligned, rule.padding};
  const bool nearest = rule.mode == ops::grid_sampler::kNearest, dense = y.strides[3] == 1 && y.strides[2] == y.size(3);
  const GridFunctions<T> f = grid_functions<T>();
  for_pieces(grid, 2, kPlaces, pool, [&](int64_t n, int64_t first, int64_t count) {
    Places<T> p;
    alignas(64) T samples[kPlaces];
    const int64_t whole = (count + 63) / 64 * 64;
    GridWalk walk(grid, y, 2, n, first);
    for (int64_t i = 0; i < count; ++i, walk.next()) {
      p.x[i] = grid.as<const T>()[walk.from];
      p.y[i] = grid.as<const T>()[walk.from + grid.strides[3]];
    }
    std::fill(p.x + count, p.x + whole, p.x[count - 1]);
    std::fill(p.y + count, p.y + whole, p.y[count - 1]);
    if (!(nearest ? f.nearest : f.linear)(plane, &p, whole)) {
      p.inside = false;
      walk = GridWalk(grid, y, 2, n, first);
      for (int64_t i = 0; i < whole; ++i) {
        if (p.at[0][i] == kUnplaced) {
          for (int t = 0; t < 4; ++t) p.at[t][i] = -1, p.weight[t][i] = 0;
          int t = 0;
          for_taps<T>(rule, x, grid, walk.from, 2, [&](int64_t offset, T weight) {
            p.at[t][i] = static_cast<Number<T>>(offset);
            p.weight[t++][i] = weight;
          });
        }
        if (i + 1 < count) walk.next();
      }
    }
    for (int64_t c = 0; c < x.size(1); ++c) {
      const T* from = x.as<const T>() + n * x.strides[0] + c * x.strides[1];
      T* to = y.as<T>() + n * y.strides[0] + c * y.strides[1];
      const bool direct = dense && whole == count;
      (nearest ? f.take : f.interpolate)(p, from, direct ? to + first : samples, whole);
      if (direct) continue;
      if (dense) {
        std::copy_n(samples, count, to + first);
        continue;
      }
      walk = GridWalk(grid, y, 2, n, first);
      for (int64_t i = 0; i < count; ++i, walk.next()) to[walk.to] = samples[i];
    }
  });
}

template <class T>
void run_volume(const Operands& o, int spatial, ThreadPool* pool) {
  const TensorView &grid = o.in(1), &y = o.out(0), x = ops::as_volume(o.in(0), spatial);
  const auto rule = rule_of<T>(o, spatial);
  using ops::grid_sampler::kCubic;
  using ops::grid_sampler::kNearest;
  const int taps = rule.mode == kNearest ? 1 : rule.mode == kCubic ? 16 : 1 << spatial;
  for_pieces(grid, spatial, kPoints, pool, [&](int64_t n, int64_t first, int64_t count) {
    Points<T> p;
    GridWalk walk(grid, y, spatial, n, first);
    for (int64_t i = 0; i < count; ++i, walk.next()) {
      p.to[i] = walk.to;
      p.count[i] = 0;
      for_taps<T>(rule, x, grid, walk.from, spatial, [&](int64_t offset, T weight) {
        p.offset[i][p.count[i]] = offset;
        p.weight[i][p.count[i]++] = weight;
      });
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
  const bool wide = o.in(0).dtype == DType::f64;
  if (is_plane(o.in(0), o.args[2]->integer, spatial)) wide ? run_plane<double>(o, context.pool) : run_plane<float>(o, context.pool);
  else wide ? run_volume<double>(o, spatial, context.pool) : run_volume<float>(o, spatial, context.pool);
  return {};
}

}  // namespace

extern const Kernel kGridSampler2d, kGridSampler3d;
const Kernel kGridSampler2d = {"aten::grid_sampler_2d", 0, prepare<2>, run<2>};
const Kernel kGridSampler3d = {"aten::grid_sampler_3d", 0, prepare<3>, run<3>};

}  // namespace portfire::spatial
