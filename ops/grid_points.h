// Where the samples of a grid lie, for the reference of grid_sampler and its kernel.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "ops/op.h"

namespace portfire::ops::grid_sampler {

enum Mode { kLinear, kNearest, kCubic };
enum Padding { kZeros, kBorder, kReflection };

// Places are computed as PyTorch does, rounded to the grid's dtype at each step: that decides where
// nearest falls between two pixels, and in half types moves the weights visibly.
template <class Round>
struct Rule {
  Mode mode;
  Padding padding;
  bool aligned, flat;  // flat: two dimensions
  Round round;         // to the grid's dtype
};
// `first`: the argument that holds interpolation_mode.
template <class Round>
Rule<Round> rule_of(const Args& a, int spatial, Round round, size_t first = 2) {
  return {static_cast<Mode>(a.integer(first)), static_cast<Padding>(a.integer(first + 1)), a.boolean(first + 2), spatial == 2, round};
}

template <class R>
double unnormalised(double x, int64_t size, const Rule<R>& r) {
  const double n = static_cast<double>(size);
  x = r.round(x + 1);
  if (r.aligned && r.flat) return r.round(x * r.round((n - 1) / 2));
  if (r.aligned) return r.round(r.round(x / 2) * (n - 1));
  if (r.flat) return r.round(r.round(x * r.round(n / 2)) - 0.5);
  return r.round(r.round(r.round(x * n) - 1) / 2);
}

template <class R>
double reflected(double x, int64_t size, const Rule<R>& r) {
  // Mirrors stand at the centres (aligned) or outer edges of the first and last pixel.
  const double low = r.aligned ? 0 : -0.5, span = static_cast<double>(r.aligned ? size - 1 : size);
  if (span <= 0) return 0;
  x = r.round(std::fabs(r.round(x - low)));
  const double part = r.round(std::fmod(x, span)), flips = std::floor(r.round(x / span));
  return r.round((std::fmod(flips, 2) == 0 ? part : r.round(span - part)) + low);
}

template <class R>
double padded(double x, int64_t size, const Rule<R>& r) {
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

inline double cubic(double x) {  // Keys, 1981, a = -3/4
  x = std::fabs(x);
  if (x <= 1) return (1.25 * x - 2.25) * x * x + 1;
  return -0.75 * (((x - 5) * x + 8) * x - 4);
}
inline double cubic_slope(double x) {
  const double size = std::fabs(x), slope = size <= 1 ? (3.75 * size - 4.5) * size : -0.75 * ((3 * size - 10) * size + 8);
  return x < 0 ? -slope : slope;
}

template <class R>
Taps taps_of(double x, int64_t size, const Rule<R>& r) {
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

// How fast the place moves with the coordinate x. On a border, where it is held, not at all.
template <class R>
double speed_of(double x, int64_t size, const Rule<R>& r) {
  const double last = static_cast<double>(size - 1), speed = (r.aligned ? last : last + 1) / 2;
  if (r.mode == kCubic || r.padding == kZeros) return speed;
  x = unnormalised(x, size, r);
  bool back = false;
  if (r.padding == kReflection) {
    const double low = r.aligned ? 0 : -0.5, span = r.aligned ? last : last + 1;
    if (span <= 0) return 0;
    const double flips = std::floor(r.round(r.round(std::fabs(r.round(x - low))) / span));
    back = (x < low) != (std::fmod(flips, 2) != 0);
    x = reflected(x, size, r);
  }
  return x > 0 && x < last ? (back ? -speed : speed) : 0;
}

// The derivatives of the weights that `taps_of` gives, in their order.
template <class R>
void slopes_of(double x, int64_t size, const Rule<R>& r, double* slopes) {
  for (int t = 0; t < 4; ++t) slopes[t] = 0;
  if (r.mode == kNearest) return;
  const double speed = speed_of(x, size, r), place = unnormalised(x, size, r);
  if (r.mode == kLinear) {
    slopes[0] = -speed;
    slopes[1] = speed;
    return;
  }
  const double part = place - std::floor(place);
  for (int t = 0; t < 4; ++t) slopes[t] = cubic_slope(part + 1 - t) * speed;
}

}  // namespace portfire::ops::grid_sampler
