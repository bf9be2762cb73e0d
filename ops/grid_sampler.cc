#include "ops/grid_sampler.h"

#include "ops/grid_points.h"
#include "ops/reader.h"
#include "ops/spatial.h"

namespace portfire::ops::grid_sampler {
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
  const auto rule = rule_of(a, spatial, [t = grid.dtype](double v) { return round_to(t, v); });
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
