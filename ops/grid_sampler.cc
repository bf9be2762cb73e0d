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

struct Rule {
  Mode mode;
  Padding padding;
  bool aligned;
};

// T is the precision of coordinates, which decides where nearest falls between two pixels.
template <class T>
T unnormalised(T x, int64_t size, bool aligned) {
  const T n = static_cast<T>(size);
  return aligned ? (x + 1) / 2 * (n - 1) : ((x + 1) * n - 1) / 2;
}

template <class T>
T reflected(T x, int64_t size, bool aligned) {
  // Mirrors stand at the centres (aligned) or outer edges of the first and last pixel.
  const T low = aligned ? T(0) : T(-0.5), span = static_cast<T>(aligned ? size - 1 : size);
  if (span <= 0) return 0;
  x = std::fabs(x - low);
  const T part = std::fmod(x, span), flips = std::floor(x / span);
  return std::fmod(flips, T(2)) == 0 ? part + low : span - part + low;
}

template <class T>
T padded(T x, int64_t size, const Rule& rule) {
  if (rule.padding == kReflection) x = reflected(x, size, rule.aligned);
  if (rule.padding != kZeros) x = x == x ? std::clamp(x, T(0), static_cast<T>(size - 1)) : T(0);
  // What no index can be lies outside.
  return x > T(-1e9) && x < T(1e9) ? x : T(-100);
}

// Along one dimension, input `first + t` counts with weight[t]; cubic taps are padded one by one.
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

template <class T>
Taps taps_of(T x, int64_t size, const Rule& rule) {
  Taps taps{};
  x = unnormalised(x, size, rule.aligned);
  // A place that is not finite gives NaN, but for nearest and what padding brings back.
  if (!std::isfinite(x) && (rule.mode == kCubic || (rule.mode == kLinear && rule.padding == kZeros)))
    return {{0}, {std::numeric_limits<double>::quiet_NaN()}, 1};
  if (rule.mode == kCubic) {
    const T floor = std::floor(x);
    taps.count = 4;
    for (int t = 0; t < 4; ++t) {
      taps.weight[t] = cubic(static_cast<double>(x - floor) + 1 - t);
      taps.index[t] = static_cast<int64_t>(padded(floor - 1 + static_cast<T>(t), size, rule));
    }
    return taps;
  }
  x = padded(x, size, rule);
  if (rule.mode == kNearest) {
    taps.count = 1;
    taps.index[0] = static_cast<int64_t>(std::nearbyint(x));
    taps.weight[0] = 1;
    return taps;
  }
  taps.count = 2;
  taps.index[0] = static_cast<int64_t>(std::floor(x));
  taps.index[1] = taps.index[0] + 1;
  taps.weight[1] = static_cast<double>(x - std::floor(x));
  taps.weight[0] = 1 - taps.weight[1];
  return taps;
}

Taps taps_at(DType dtype, double x, int64_t size, const Rule& rule) {
  return dtype == DType::f64 ? taps_of<double>(x, size, rule)
                             : taps_of<float>(static_cast<float>(x), size, rule);
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
                  a.boolean(4)};
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
        taps[d] = taps_at(grid.dtype, load_real(grid, from + i * grid.strides[spatial + 1]),
                          x.size(2 + d), rule);
    }
    for (int64_t c = 0; c < x.size(1); ++c) {
      double sum = 0;
      for (int i = 0; i < taps[0].count; ++i)
        for (int j = 0; j < taps[1].count; ++j)
          for (int k = 0; k < taps[2].count; ++k) {
            const int64_t d = taps[0].index[i], h = taps[1].index[j], w = taps[2].index[k];
            if (d < 0 || d >= x.size(2) || h < 0 || h >= x.size(3) || w < 0 || w >= x.size(4))
              continue;
            sum += taps[0].weight[i] * taps[1].weight[j] * taps[2].weight[k] *
                   load_real(x, at[0] * x.strides[0] + c * x.strides[1] + d * x.strides[2] +
                                    h * x.strides[3] + w * x.strides[4]);
          }
      store_real(y, to + c * y.strides[1], sum);
    }
  }
  return {};
}

}  // namespace portfire::ops::grid_sampler
