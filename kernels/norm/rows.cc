#include "kernels/norm/rows.h"

#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/norm/rows.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd_math.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

using RowTag = hn::ScalableTag<float>;
using RowVec = hn::Vec<RowTag>;

// The last, partial vector of a row: `n` elements, the rest `fill`.
HWY_INLINE RowVec load_tail(RowTag d, const float* x, size_t n, float fill) {
  HWY_ALIGN float buffer[HWY_LANES(float)];
  for (size_t i = 0; i < hn::Lanes(d); ++i) buffer[i] = i < n ? x[i] : fill;
  return hn::Load(d, buffer);
}
HWY_INLINE void store_tail(RowTag d, RowVec v, float* x, size_t n) {
  HWY_ALIGN float buffer[HWY_LANES(float)];
  hn::Store(v, d, buffer);
  for (size_t i = 0; i < n; ++i) x[i] = buffer[i];
}

float exp_row(float* x, size_t n, float scale, const float* mask, const uint8_t* bools) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  constexpr float kDropped = -std::numeric_limits<float>::infinity();
  if (bools)
    for (size_t i = 0; i < n; ++i) x[i] = bools[i] ? x[i] : kDropped;
  const RowVec s = hn::Set(d, scale);
  RowVec most = hn::Set(d, kDropped);
  bool nan = false;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    RowVec v = hn::Mul(hn::LoadU(d, x + i), s);
    if (mask) v = hn::Add(v, hn::LoadU(d, mask + i));
    hn::StoreU(v, d, x + i);
    nan |= !hn::AllFalse(d, hn::IsNaN(v));
    most = hn::Max(most, v);
  }
  float top = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; i < n; ++i) {
    x[i] = x[i] * scale + (mask ? mask[i] : 0);
    nan |= x[i] != x[i];
    top = x[i] > top ? x[i] : top;
  }
  if (nan) top = std::numeric_limits<float>::quiet_NaN();
  if (top == kDropped) {
    for (i = 0; i < n; ++i) x[i] = 0;
    return 0;
  }
  const RowVec t = hn::Set(d, top);
  RowVec sum = hn::Zero(d);
  for (i = 0; i + lanes <= n; i += lanes) {
    const RowVec e = fast_exp(d, hn::Sub(hn::LoadU(d, x + i), t));
    hn::StoreU(e, d, x + i);
    sum = hn::Add(sum, e);
  }
  if (i < n) {
    const RowVec e = fast_exp(d, hn::Sub(load_tail(d, x + i, n - i, kDropped), t));
    store_tail(d, e, x + i, n - i);
    sum = hn::Add(sum, e);  // entries past the end are exp(-inf) = 0
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

void scale_row(float* x, size_t n, float factor) {
  const RowTag d;
  const RowVec f = hn::Set(d, factor);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(hn::Mul(hn::LoadU(d, x + i), f), d, x + i);
  for (; i < n; ++i) x[i] *= factor;
}

float sum_row(const float* x, size_t n) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  RowVec a = hn::Zero(d), b = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    a = hn::Add(a, hn::LoadU(d, x + i));
    b = hn::Add(b, hn::LoadU(d, x + i + lanes));
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
  for (; i < n; ++i) sum += x[i];
  return sum;
}

// Sum of (x - about)^2.
float squares(const float* x, size_t n, float about) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  const RowVec m = hn::Set(d, about);
  RowVec a = hn::Zero(d), b = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const RowVec u = hn::Sub(hn::LoadU(d, x + i), m), v = hn::Sub(hn::LoadU(d, x + i + lanes), m);
    a = hn::MulAdd(u, u, a);
    b = hn::MulAdd(v, v, b);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
  for (; i < n; ++i) sum += (x[i] - about) * (x[i] - about);
  return sum;
}

void normalise(const float* x, float* y, size_t n, float mean, float factor, const float* weight, const float* bias) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  const RowVec m = hn::Set(d, mean), f = hn::Set(d, factor);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    RowVec v = hn::Mul(hn::Sub(hn::LoadU(d, x + i), m), f);
    if (weight) v = hn::Mul(v, hn::LoadU(d, weight + i));
    if (bias) v = hn::Add(v, hn::LoadU(d, bias + i));
    hn::StoreU(v, d, y + i);
  }
  for (; i < n; ++i) y[i] = (x[i] - mean) * factor * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
}

void layer_norm(const float* x, float* y, size_t n, const float* weight, const float* bias, float eps) {
  const float count = static_cast<float>(n), mean = sum_row(x, n) / count;
  normalise(x, y, n, mean, 1 / std::sqrt(squares(x, n, mean) / count + eps), weight, bias);
}

void rms_norm(const float* x, float* y, size_t n, const float* weight, float eps) {
  normalise(x, y, n, 0, 1 / std::sqrt(squares(x, n, 0) / static_cast<float>(n) + eps), weight, nullptr);
}

const rows::Functions* get_rows() {
  static constexpr rows::Functions kFunctions = {exp_row, scale_row, layer_norm, rms_norm, sum_row};
  return &kFunctions;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(get_rows);
namespace rows {
const Functions& functions() { return *HWY_DYNAMIC_DISPATCH(get_rows)(); }
}  // namespace rows
}  // namespace portfire
#endif
