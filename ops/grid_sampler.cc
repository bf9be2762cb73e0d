#include "ops/grid_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/reader.h"
#include "ops/spatial.h"

namespace portfire::ops::grid_sampler {
namespace {

enum Mode { kLinear, kNearest, kCubic };
enum Padding { kZeros, kBorder, kReflection };

// Places are computed as PyTorch does, rounded to the grid's dtype at each step: that decides where
// nearest falls between two pixels, and in half types moves the weights visibly.
struct Rule {
  Mode mode;
  Padding padding;
  bool aligned, flat;  // flat: two dimensions
  DType dtype;
  double round(double v) const { return round_to(dtype, v); }
};

double unnormalised(double x, int64_t size, const Rule& r) {
  const double n = static_cast<double>(size);
  x = r.round(x + 1);
  if (r.aligned && r.flat) return r.round(x * r.round((n - 1) / 2));
  if (r.aligned) return r.round(r.round(x / 2) * (n - 1));
  if (r.flat) return r.round(r.round(x * r.round(n / 2)) - 0.5);
  return r.round(r.round(r.round(x * n) - 1) / 2);
}

double reflected(double x, int64_t size, const Rule& r) {
  // Mirrors stand at the centres (aligned) or outer edges of the first and last pixel.
  const double low = r.aligned ? 0 : -0.5, span = static_cast<double>(r.aligned ? size - 1 : size);
  if (span <= 0) return 0;
  x = r.round(std::fabs(r.round(x - low)));
  const double part = r.round(std::fmod(x, span)), flips = std::floor(r.round(x / span));
  return r.round((std::fmod(flips, 2) == 0 ? part : r.round(span - part)) + low);
}

double padded(double x, int64_t size, const Rule& r) {
  if (r.padding == kReflection) x = reflected(x, size, r);
  if (r.padding != kZeros) x = x == x ? std::clamp(x, 0.0, static_cast<double>(size - 1)) : 0.0;
  // What no index can be lies outside.
  return x > -1e9 && x < 1e9 ? x : -100;
}

// Along one dimension, input index[t] counts with weight[t].
struct Taps {
  int64_t index[4];
  double weight[4];
  int count;
};

double cubic(double x) {  // Keys, 1981, a = -3/4
  x = std::fabs(x);
  if (x <= 1) return (1.25 * x - 2.25) * x * x + 1;
  return -0.75 * (((x - 5) * x + 8) * x - 4);
}

Taps taps_of(double x, int64_t size, const Rule& r) {
  Taps taps{};
  x = unnormalised(x, size, r);
  // A place that is not finite gives NaN, but for nearest and what padding brings back.
  if (!std::isfinite(x) && (r.mode == kCubic || (r.mode == kLinear && r.padding == kZeros)))
    return {{0}, {std::numeric_limits<double>::quiet_NaN()}, 1};
  if (r.mode == kCubic) {  // taps are padded one by one
    const double floor = std::floor(x), part = r.round(x - floor);
    taps.count = 4;
    for (int t = 0; t < 4; ++t) {
      taps.weight[t] = r.round(cubic(part + 1 - t));
      taps.index[t] = static_cast<int64_t>(padded(floor - 1 + t, size, r));
    }
    return taps;
  }
  x = padded(x, size, r);
  if (r.mode == kNearest) return {{static_cast<int64_t>(std::nearbyint(x))}, {1}, 1};
  const double floor = std::floor(x), part = r.round(x - floor);
  return {
      {static_cast<int64_t>(floor), static_cast<int64_t>(floor) + 1}, {r.round(1 - part), part}, 2};
}

}  // namespace

Error infer_sampler(const Args& a, int spatial, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &grid = a.tensor(1);
  const int64_t mode = a.integer(2), padding = a.integer(3);
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
  outs[0] = {x.dtype, x.shape};
  for (int d = 0; d < spatial; ++d) outs[0].shape.sizes[2 + d] = grid.size(1 + d);
  return {};
}

Error run_sampler(const Args& a, int spatial, std::span<TensorView> outs) {
  const TensorView &grid = a.tensor(1), x = as_volume(a.tensor(0), spatial), &y = outs[0];
  const Rule rule{static_cast<Mode>(a.integer(2)), static_cast<Padding>(a.integer(3)),
                  a.boolean(4), spatial == 2, grid.dtype};
  // f32 and f64 sum wide; half types as PyTorch, rounded at each step.
  const bool half = byte_size(x.dtype) == 2;
  Shape points = grid.shape;  // N and where the samples go
  --points.rank;
  for (Index at(points); at.valid(); at.next()) {
    int64_t from = 0, to = at[0] * y.strides[0];
    for (int d = 0; d < points.rank; ++d) from += at[d] * grid.strides[d];
    for (int d = 0; d < spatial; ++d) to += at[1 + d] * y.strides[2 + d];
    Taps taps[kVolumeDims];
    for (int d = 0; d < kVolumeDims; ++d) {
      const int i = kVolumeDims - 1 - d;  // the grid's coordinates: x, y, z
      if (i >= spatial)
        taps[d] = {{0}, {1}, 1};
      else
        taps[d] = taps_of(load_real(grid, from + i * grid.strides[spatial + 1]), x.size(2 + d),
                          rule);
    }
    for (int64_t c = 0; c < x.size(1); ++c) {
      double sum = 0;
      for (int i = 0; i < taps[0].count; ++i)
        for (int j = 0; j < taps[1].count; ++j)
          for (int k = 0; k < taps[2].count; ++k) {
            const int64_t d = taps[0].index[i], h = taps[1].index[j], w = taps[2].index[k];
            if (d < 0 || d >= x.size(2) || h < 0 || h >= x.size(3) || w < 0 || w >= x.size(4))
              continue;
            const double weight = taps[0].weight[i] * taps[1].weight[j] * taps[2].weight[k];
            const double v =
                load_real(x, at[0] * x.strides[0] + c * x.strides[1] + d * x.strides[2] +
                                 h * x.strides[3] + w * x.strides[4]);
            sum = half ? rule.round(sum + rule.round(rule.round(weight) * v)) : sum + weight * v;
          }
      store_real(y, to + c * y.strides[1], sum);
    }
  }
  return {};
}

}  // namespace portfire::ops::grid_sampler
