#include "kernels/quant/int8.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/quant/int8.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace quant8 {

using ops::DynamicScale;
using ops::Requantization;
using ops::pointwise_qs8::FixedSum;

using I32 = hn::ScalableTag<int32_t>;
using F32 = hn::Rebind<float, I32>;
using I16 = hn::Rebind<int16_t, I32>;  // as many as I32
using I8 = hn::Rebind<int8_t, I32>;
using W16 = hn::ScalableTag<int16_t>;  // whole vectors
using W8 = hn::Rebind<int8_t, W16>;

void widen(const int8_t* x, size_t n, int32_t zero, int16_t* out) {
  const W16 d;
  const W8 d8;
  const I16 half;
  const I8 half8;
  const auto z = hn::Set(d, static_cast<int16_t>(zero));
  const auto half_z = hn::Set(half, static_cast<int16_t>(zero));
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(hn::Sub(hn::PromoteTo(d, hn::LoadU(d8, x + i)), z), d, out + i);
  for (; i + hn::Lanes(half) <= n; i += hn::Lanes(half)) hn::StoreU(hn::Sub(hn::PromoteTo(half, hn::LoadU(half8, x + i)), half_z), half, out + i);
  for (; i < n; ++i) out[i] = static_cast<int16_t>(x[i] - zero);
}

// Rounded to the nearest within [low, high]; a NaN gives `low`.
template <class V>
HWY_INLINE hn::Vec<I32> nearest(V x, V low, V high) {
  return hn::NearestInt(hn::Min(hn::Max(x, low), high));
}

void requantize(const int32_t* sums, const int32_t* bias, const float* multipliers, size_t n, const Requantization& to, int8_t* out) {
  const I32 d;
  const F32 f;
  const I8 d8;
  const auto low = hn::Set(f, static_cast<float>(to.lower - to.zero)), high = hn::Set(f, static_cast<float>(to.upper - to.zero));
  const auto zero = hn::Set(d, static_cast<int32_t>(to.zero));
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    auto sum = hn::LoadU(d, sums + i);
    if (bias) sum = hn::Add(sum, hn::LoadU(d, bias + i));
    const auto scaled = hn::Mul(hn::ConvertTo(f, sum), hn::LoadU(f, multipliers + i));
    hn::StoreU(hn::DemoteTo(d8, hn::Add(nearest(scaled, low, high), zero)), d8, out + i);
  }
  for (; i < n; ++i) out[i] = to(sums[i] + (bias ? bias[i] : 0), multipliers[i]);
}

void extent(const float* x, size_t n, float* least, float* most) {
  const F32 f;
  auto low = hn::Set(f, *least), high = hn::Set(f, *most);
  size_t i = 0;
  for (; i + hn::Lanes(f) <= n; i += hn::Lanes(f)) {
    const auto v = hn::LoadU(f, x + i);
    low = hn::Min(v, low);  // a NaN on the left does not count
    high = hn::Max(v, high);
  }
  *least = hn::GetLane(hn::MinOfLanes(f, low));
  *most = hn::GetLane(hn::MaxOfLanes(f, high));
  for (; i < n; ++i) {
    *least = std::min(*least, x[i]);
    *most = std::max(*most, x[i]);
  }
}

template <class D, class T>
HWY_INLINE void quantize_to(const float* x, size_t n, const DynamicScale& scale, int32_t moved, T* out) {
  const I32 d;
  const F32 f;
  const D to;
  const auto inverse = hn::Set(f, scale.inverse), low = hn::Set(f, static_cast<float>(-128 - scale.zero)), high = hn::Set(f, static_cast<float>(127 - scale.zero));
  const auto move = hn::Set(d, moved);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d))
    hn::StoreU(hn::DemoteTo(to, hn::Add(nearest(hn::Mul(hn::LoadU(f, x + i), inverse), low, high), move)), to, out + i);
  for (; i < n; ++i) out[i] = static_cast<T>(scale(x[i]) - scale.zero + moved);
}
void quantize(const float* x, size_t n, const DynamicScale& scale, int8_t* out) { quantize_to<I8>(x, n, scale, scale.zero, out); }
void quantize_wide(const float* x, size_t n, const DynamicScale& scale, int16_t* out) { quantize_to<I16>(x, n, scale, 0, out); }

void dequantize(const int8_t* x, size_t n, float scale, int32_t zero, float* out) {
  const I32 d;
  const F32 f;
  const I8 d8;
  const auto s = hn::Set(f, scale);
  const auto z = hn::Set(d, zero);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d))
    hn::StoreU(hn::Mul(hn::ConvertTo(f, hn::Sub(hn::PromoteTo(d, hn::LoadU(d8, x + i)), z)), s), f, out + i);
  for (; i < n; ++i) out[i] = static_cast<float>(x[i] - zero) * scale;
}

void add(const int8_t* x, const int8_t* y, size_t n, const FixedSum& sum, int8_t* out) {
  const I32 d;
  const I8 d8;
  const auto bias = hn::Set(d, sum.bias), by_x = hn::Set(d, sum.self), by_y = hn::Set(d, sum.other), zero = hn::Set(d, static_cast<int32_t>(sum.zero));
  const auto low = hn::Set(d, static_cast<int32_t>(sum.lower)), high = hn::Set(d, static_cast<int32_t>(sum.upper));
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto a = hn::Mul(hn::PromoteTo(d, hn::LoadU(d8, x + i)), by_x), b = hn::Mul(hn::PromoteTo(d, hn::LoadU(d8, y + i)), by_y);
    const auto moved = hn::Add(hn::ShiftRightSame(hn::Add(bias, hn::Add(a, b)), sum.shift), zero);
    hn::StoreU(hn::DemoteTo(d8, hn::Min(hn::Max(moved, low), high)), d8, out + i);
  }
  for (; i < n; ++i) out[i] = sum(x[i], y[i]);
}

void multiply(const int8_t* x, const int8_t* y, size_t n, int32_t zero_x, int32_t zero_y, float multiplier, const Requantization& to, int8_t* out) {
  const I32 d;
  const F32 f;
  const I8 d8;
  const auto low = hn::Set(f, static_cast<float>(to.lower - to.zero)), high = hn::Set(f, static_cast<float>(to.upper - to.zero)), m = hn::Set(f, multiplier);
  const auto zero = hn::Set(d, static_cast<int32_t>(to.zero)), zx = hn::Set(d, zero_x), zy = hn::Set(d, zero_y);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto a = hn::Sub(hn::PromoteTo(d, hn::LoadU(d8, x + i)), zx), b = hn::Sub(hn::PromoteTo(d, hn::LoadU(d8, y + i)), zy);
    hn::StoreU(hn::DemoteTo(d8, hn::Add(nearest(hn::Mul(hn::ConvertTo(f, hn::Mul(a, b)), m), low, high), zero)), d8, out + i);
  }
  for (; i < n; ++i) out[i] = to((x[i] - zero_x) * (y[i] - zero_y), multiplier);
}

void unpack(const uint8_t* packed, size_t n, int8_t* out) {
  for (size_t i = 0; i < n; ++i) {
    out[2 * i] = static_cast<int8_t>((packed[i] & 15) - 8);
    out[2 * i + 1] = static_cast<int8_t>((packed[i] >> 4) - 8);
  }
}

}  // namespace quant8

const quant::Functions* int8_functions() {
  static constexpr quant::Functions kFunctions = {quant8::widen,      quant8::requantize, quant8::extent,   quant8::quantize, quant8::quantize_wide,
                                                  quant8::dequantize, quant8::add,        quant8::multiply, quant8::unpack};
  return &kFunctions;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(int8_functions);
namespace quant {
const Functions& functions() { return *HWY_DYNAMIC_DISPATCH(int8_functions)(); }
}  // namespace quant
}  // namespace portfire
#endif
