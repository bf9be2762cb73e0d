#include "kernels/affine/rows.h"

#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/affine/rows.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using AffineTag = hn::ScalableTag<float>;
using AffineVec = hn::Vec<AffineTag>;

// Calls f(offset) for whole vectors of n >= lanes elements; the last one may overlap with the one before.
template <class F>
HWY_INLINE void for_each_vector(size_t n, size_t lanes, F f) {
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) f(i);
  if (i < n) f(n - lanes);
}

template <class T>
void quantize(const float* HWY_RESTRICT x, size_t n, float inverse, float zero, float low, float high, T* HWY_RESTRICT q) {
  const AffineTag d;
  const hn::RebindToSigned<AffineTag> di;
  const hn::Rebind<T, AffineTag> dq;
  const size_t lanes = hn::Lanes(d);
  if (n < lanes) {
    for (size_t i = 0; i < n; ++i) {
      const float v = std::nearbyint(x[i] * inverse) + zero;
      q[i] = static_cast<T>(!(v > low) ? low : v >= high ? high : v);
    }
    return;
  }
  const AffineVec factor = hn::Set(d, inverse), shift = hn::Set(d, zero), least = hn::Set(d, low), most = hn::Set(d, high);
  for_each_vector(n, lanes, [&](size_t i) HWY_ATTR {
    AffineVec v = hn::Add(hn::Round(hn::Mul(hn::LoadU(d, x + i), factor)), shift);
    v = hn::IfThenElse(hn::Gt(v, least), v, least);  // where v is NaN it is not greater
    v = hn::IfThenElse(hn::Lt(v, most), v, most);
    hn::StoreU(hn::DemoteTo(dq, hn::ConvertTo(di, v)), dq, q + i);
  });
}
void quantize_i8(const float* x, size_t n, float inverse, float zero, float low, float high, int8_t* q) { quantize(x, n, inverse, zero,
    low, high, q); }
void quantize_u8(const float* x, size_t n, float inverse, float zero, float low, float high, uint8_t* q) { quantize(x, n, inverse, zero,
    low, high, q); }

template <class T>
void dequantize(const T* HWY_RESTRICT q, size_t n, float scale, float zero, float* HWY_RESTRICT x) {
  const AffineTag d;
  const hn::RebindToSigned<AffineTag> di;
  const hn::Rebind<T, AffineTag> dq;
  const size_t lanes = hn::Lanes(d);
  if (n < lanes) {
    for (size_t i = 0; i < n; ++i) x[i] = (static_cast<float>(q[i]) - zero) * scale;
    return;
  }
  const AffineVec factor = hn::Set(d, scale), shift = hn::Set(d, zero);
  for_each_vector(n, lanes, [&](size_t i) HWY_ATTR {
    const AffineVec v = hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(dq, q + i)));
    hn::StoreU(hn::Mul(hn::Sub(v, shift), factor), d, x + i);
  });
}
void dequantize_i8(const int8_t* q, size_t n, float scale, float zero, float* x) { dequantize(q, n, scale, zero, x); }
void dequantize_u8(const uint8_t* q, size_t n, float scale, float zero, float* x) { dequantize(q, n, scale, zero, x); }

void dequantize_u4(const uint8_t* HWY_RESTRICT q, size_t n, float scale, float zero, float* HWY_RESTRICT x) {
  const AffineTag d;
  const hn::RebindToSigned<AffineTag> di;
  const hn::Rebind<uint8_t, AffineTag> dq;
  const size_t bytes = n / 2, lanes = hn::Lanes(d);
  const float shift = zero + 8;
  const auto each = [&](size_t i) {
    x[2 * i] = (static_cast<float>(q[i] >> 4) - shift) * scale;
    x[2 * i + 1] = (static_cast<float>(q[i] & 15) - shift) * scale;
  };
  if (bytes < lanes) {
    for (size_t i = 0; i < bytes; ++i) each(i);
    return;
  }
  const AffineVec factor = hn::Set(d, scale), less = hn::Set(d, shift);
  const auto low_bits = hn::Set(di, 15);
  for_each_vector(bytes, lanes, [&](size_t i) HWY_ATTR {
    const auto both = hn::PromoteTo(di, hn::LoadU(dq, q + i));
    const AffineVec first = hn::Mul(hn::Sub(hn::ConvertTo(d, hn::ShiftRight<4>(both)), less), factor);
    const AffineVec second = hn::Mul(hn::Sub(hn::ConvertTo(d, hn::And(both, low_bits)), less), factor);
    hn::StoreInterleaved2(first, second, d, x + 2 * i);
  });
}

affine::Extremes extremes(const float* HWY_RESTRICT x, size_t n) {
  constexpr float kMost = std::numeric_limits<float>::infinity();
  const AffineTag d;
  const size_t lanes = hn::Lanes(d);
  float least = kMost, most = -kMost;
  bool nan = false;
  if (n < lanes) {
    for (size_t i = 0; i < n; ++i) {
      nan |= x[i] != x[i];
      least = x[i] < least ? x[i] : least;
      most = x[i] > most ? x[i] : most;
    }
  } else {
    AffineVec low = hn::Set(d, kMost), high = hn::Set(d, -kMost), sum = hn::Zero(d);
    for_each_vector(n, lanes, [&](size_t i) HWY_ATTR {
      const AffineVec v = hn::LoadU(d, x + i);
      low = hn::Min(low, v);
      high = hn::Max(high, v);
      sum = hn::Add(sum, hn::Mul(v, hn::Zero(d)));  // NaN where v is, or is infinite: that is looked at again
    });
    least = hn::GetLane(hn::MinOfLanes(d, low));
    most = hn::GetLane(hn::MaxOfLanes(d, high));
    const float s = hn::GetLane(hn::SumOfLanes(d, sum));
    if (s != s) {
      least = kMost;
      most = -kMost;
      for (size_t i = 0; i < n; ++i) {
        nan |= x[i] != x[i];
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
      }
    }
  }
  if (nan) least = most = std::numeric_limits<float>::quiet_NaN();
  return {least, most};
}

void dots(const float* HWY_RESTRICT x, const float* HWY_RESTRICT rows, ptrdiff_t stride, size_t count, size_t n, float* HWY_RESTRICT sums) {
  const AffineTag d;
  const size_t lanes = hn::Lanes(d), whole = n - n % lanes;
  const auto finish = [&](AffineVec sum, const float* row) HWY_ATTR {
    float total = hn::GetLane(hn::SumOfLanes(d, sum));
    for (size_t i = whole; i < n; ++i) total += x[i] * row[i];
    return total;
  };
  size_t r = 0;
  for (; r + 4 <= count; r += 4) {
    const float *row0 = rows + static_cast<ptrdiff_t>(r) * stride, *row1 = row0 + stride, *row2 = row1 + stride, *row3 = row2 + stride;
    AffineVec sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (size_t i = 0; i < whole; i += lanes) {
      const AffineVec v = hn::LoadU(d, x + i);
      sum0 = hn::MulAdd(v, hn::LoadU(d, row0 + i), sum0);
      sum1 = hn::MulAdd(v, hn::LoadU(d, row1 + i), sum1);
      sum2 = hn::MulAdd(v, hn::LoadU(d, row2 + i), sum2);
      sum3 = hn::MulAdd(v, hn::LoadU(d, row3 + i), sum3);
    }
    sums[r] = finish(sum0, row0);
    sums[r + 1] = finish(sum1, row1);
    sums[r + 2] = finish(sum2, row2);
    sums[r + 3] = finish(sum3, row3);
  }
  for (; r < count; ++r) {
    const float* row = rows + static_cast<ptrdiff_t>(r) * stride;
    AffineVec sum = hn::Zero(d);
    for (size_t i = 0; i < whole; i += lanes) sum = hn::MulAdd(hn::LoadU(d, x + i), hn::LoadU(d, row + i), sum);
    sums[r] = finish(sum, row);
  }
}

void weighted_sum(const float* HWY_RESTRICT weights, const float* HWY_RESTRICT rows, ptrdiff_t stride, size_t count, size_t n,
    float* HWY_RESTRICT out) {
  const AffineTag d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    AffineVec sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    const float* row = rows + i;
    for (size_t r = 0; r < count; ++r, row += stride) {
      const AffineVec w = hn::Set(d, weights[r]);
      sum0 = hn::MulAdd(w, hn::LoadU(d, row), sum0);
      sum1 = hn::MulAdd(w, hn::LoadU(d, row + lanes), sum1);
      sum2 = hn::MulAdd(w, hn::LoadU(d, row + 2 * lanes), sum2);
      sum3 = hn::MulAdd(w, hn::LoadU(d, row + 3 * lanes), sum3);
    }
    hn::StoreU(sum0, d, out + i);
    hn::StoreU(sum1, d, out + i + lanes);
    hn::StoreU(sum2, d, out + i + 2 * lanes);
    hn::StoreU(sum3, d, out + i + 3 * lanes);
  }
  for (; i + lanes <= n; i += lanes) {
    AffineVec sum = hn::Zero(d);
    const float* row = rows + i;
    for (size_t r = 0; r < count; ++r, row += stride) sum = hn::MulAdd(hn::Set(d, weights[r]), hn::LoadU(d, row), sum);
    hn::StoreU(sum, d, out + i);
  }
  for (; i < n; ++i) {
    float sum = 0;
    for (size_t r = 0; r < count; ++r) sum += weights[r] * rows[static_cast<ptrdiff_t>(r) * stride + static_cast<ptrdiff_t>(i)];
    out[i] = sum;
  }
}

const affine::Functions* get_affine_rows() {
  static constexpr affine::Functions kFunctions = {quantize_i8, quantize_u8, dequantize_i8, dequantize_u8, dequantize_u4, extremes,
      dots, weighted_sum};
  return &kFunctions;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(get_affine_rows);
namespace affine {
const Functions& functions() { return *HWY_DYNAMIC_DISPATCH(get_affine_rows)(); }
}  // namespace affine
}  // namespace portfire
#endif
