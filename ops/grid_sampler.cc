#include "ops/grid_sampler.h"

#include "ops/grid_points.h"
#include "ops/reader.h"
#include "ops/rows.h"
#include "ops/spatial.h"

namespace portfire::ops::grid_sampler {
namespace {

Error infer(const TensorView& x, const TensorView& grid, int64_t mode, int64_t padding, int spatial, TensorSpec* out) {
  if (x.rank() != spatial + 2 || grid.rank() != spatial + 2 || grid.size(spatial + 1) != spatial ||
      grid.size(0) != x.size(0) || !is_floating(x.dtype) || grid.dtype != x.dtype)
    return Error::make(Code::bad_argument, "input %s and grid %s do not fit", TypeText(x).c_str(),
                       TypeText(grid).c_str());
  for (int d = 2; d < x.rank(); ++d)
    if (x.size(d) < 1)
      return Error::make(Code::bad_argument, "input %s (expected sizes of 1 or more)",
                         TypeText(x).c_str());
  if (mode < kLinear || mode > (spatial == 2 ? kCubic : kNearest) || padding < kZeros ||
      padding > kReflection)
    return Error::make(Code::bad_argument, "interpolation mode %lld, padding mode %lld",
                       static_cast<long long>(mode), static_cast<long long>(padding));
  *out = {x.dtype, x.shape};
  for (int d = 0; d < spatial; ++d) out->shape.sizes[2 + d] = grid.size(1 + d);
  return {};
}

// Calls f(index of the point, offset in grid, offset in a tensor y of outputs) for each sample.
template <class F>
void each_point(const TensorView& grid, const TensorView& y, int spatial, F f) {
  Shape points = grid.shape;  // N and where the samples go
  --points.rank;
  for (Index at(points); at.valid(); at.next()) {
    int64_t from = 0, to = at[0] * y.strides[0];
    for (int d = 0; d < points.rank; ++d) from += at[d] * grid.strides[d];
    for (int d = 0; d < spatial; ++d) to += at[1 + d] * y.strides[2 + d];
    f(at, from, to);
  }
}

// The grid's coordinates are x, y, z: which of them stands for volume dimension d.
int coordinate_of(int d) { return kVolumeDims - 1 - d; }

// Calls f(i, j, k, offset in x's channel) for the taps that lie in x, a volume.
template <class F>
void each_tap(const TensorView& x, const Taps* taps, F f) {
  for (int i = 0; i < taps[0].count; ++i)
    for (int j = 0; j < taps[1].count; ++j)
      for (int k = 0; k < taps[2].count; ++k) {
        const int64_t d = taps[0].index[i], h = taps[1].index[j], w = taps[2].index[k];
        if (d >= 0 && d < x.size(2) && h >= 0 && h < x.size(3) && w >= 0 && w < x.size(4))
          f(i, j, k, d * x.strides[2] + h * x.strides[3] + w * x.strides[4]);
      }
}

}  // namespace

Error infer_sampler(const Args& a, int spatial, std::span<TensorSpec> outs) {
  return infer(a.tensor(0), a.tensor(1), a.integer(2), a.integer(3), spatial, &outs[0]);
}

Error run_sampler(const Args& a, int spatial, std::span<TensorView> outs) {
  const TensorView &grid = a.tensor(1), x = as_volume(a.tensor(0), spatial), &y = outs[0];
  const auto rule = rule_of(a, spatial, [t = grid.dtype](double v) { return round_to(t, v); });
  // f32 and f64 sum wide; half types as PyTorch, rounded at each step.
  const bool half = byte_size(x.dtype) == 2;
  each_point(grid, y, spatial, [&](const Index& at, int64_t from, int64_t to) {
    Taps taps[kVolumeDims];
    for (int d = 0; d < kVolumeDims; ++d) {
      const int i = coordinate_of(d);
      taps[d] = i < spatial ? taps_of(load_real(grid, from + i * grid.strides[spatial + 1]), x.size(2 + d), rule) : Taps{{0}, {1}, 1};
    }
    for (int64_t c = 0; c < x.size(1); ++c) {
      double sum = 0;
      each_tap(x, taps, [&](int i, int j, int k, int64_t offset) {
        const double weight = taps[0].weight[i] * taps[1].weight[j] * taps[2].weight[k];
        const double v = load_real(x, at[0] * x.strides[0] + c * x.strides[1] + offset);
        sum = half ? rule.round(sum + rule.round(rule.round(weight) * v)) : sum + weight * v;
      });
      store_real(y, to + c * y.strides[1], sum);
    }
  });
  return {};
}

Error infer_gradient(const Args& a, int spatial, std::span<TensorSpec> outs) {
  const TensorView &grad = a.tensor(0), &x = a.tensor(1), &grid = a.tensor(2);
  TensorSpec y;
  PF_TRY(infer(x, grid, a.integer(3), a.integer(4), spatial, &y));
  if (grad.shape != y.shape || a.booleans(6).size() != 2)
    return Error::make(Code::bad_argument, "gradient %s of input %s and grid %s", TypeText(grad).c_str(), TypeText(x).c_str(), TypeText(grid).c_str());
  outs[0] = {x.dtype, x.shape};
  outs[1] = {grid.dtype, grid.shape};
  for (size_t k = 0; k < 2; ++k)
    if (!a.booleans(6)[k]) {
      outs[k].shape = Shape();
      outs[k].shape.push(0);
    }
  return {};
}

Error run_gradient(const Args& a, int spatial, std::span<TensorView> outs) {
  const TensorView &grad = a.tensor(0), &grid = a.tensor(2), x = as_volume(a.tensor(1), spatial), &of_grid = outs[1];
  const bool wants_input = a.booleans(6)[0], wants_grid = a.booleans(6)[1];
  const TensorView of_input = wants_input ? as_volume(outs[0], spatial) : x;
  const auto rule = rule_of(a, spatial, [t = grid.dtype](double v) { return round_to(t, v); }, 3);
  if (wants_input) fill_view(outs[0], 0.0);
  each_point(grid, grad, spatial, [&](const Index& at, int64_t from, int64_t to) {
    Taps taps[kVolumeDims];
    double slopes[kVolumeDims][4] = {}, sums[kVolumeDims] = {};
    for (int d = 0; d < kVolumeDims; ++d) {
      const int i = coordinate_of(d);
      taps[d] = {{0}, {1}, 1};
      if (i >= spatial) continue;
      const double place = load_real(grid, from + i * grid.strides[spatial + 1]);
      taps[d] = taps_of(place, x.size(2 + d), rule);
      slopes_of(place, x.size(2 + d), rule, slopes[d]);
    }
    for (int64_t c = 0; c < x.size(1); ++c) {
      const double by = load_real(grad, to + c * grad.strides[1]);
      each_tap(x, taps, [&](int i, int j, int k, int64_t offset) {
        const double a0 = taps[0].weight[i], a1 = taps[1].weight[j], a2 = taps[2].weight[k];
        const double v = by * load_real(x, at[0] * x.strides[0] + c * x.strides[1] + offset);
        sums[0] += v * slopes[0][i] * a1 * a2;
        sums[1] += v * a0 * slopes[1][j] * a2;
        sums[2] += v * a0 * a1 * slopes[2][k];
      });
      if (!wants_input) continue;
      each_tap(of_input, taps, [&](int i, int j, int k, int64_t offset) {
        const int64_t o = at[0] * of_input.strides[0] + c * of_input.strides[1] + offset;
        store_real(of_input, o, load_real(of_input, o) + by * taps[0].weight[i] * taps[1].weight[j] * taps[2].weight[k]);
      });
    }
    if (!wants_grid) return;
    int64_t place = 0;
    for (int d = 0; d <= spatial; ++d) place += at[d] * of_grid.strides[d];
    for (int i = 0; i < spatial; ++i) store_real(of_grid, place + i * of_grid.strides[spatial + 1], sums[kVolumeDims - 1 - i]);
  });
  return {};
}

}  // namespace portfire::ops::grid_sampler
