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

// -inf where the mask is false.
void drop(float* x, size_t n, const uint8_t* bools) {
  const RowTag d;
  const hn::Rebind<uint8_t, RowTag> bytes;
  const hn::RebindToSigned<RowTag> di;
  const RowVec dropped = hn::Set(d, -std::numeric_limits<float>::infinity());
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto keep = hn::Ne(hn::PromoteTo(di, hn::LoadU(bytes, bools + i)), hn::Zero(di));
    hn::StoreU(hn::IfThenElse(hn::RebindMask(d, keep), hn::LoadU(d, x + i), dropped), d, x + i);
  }
  for (; i < n; ++i) x[i] = bools[i] ? x[i] : -std::numeric_limits<float>::infinity();
}

// The largest of x; a NaN among others may be overlooked.
float largest(const float* x, size_t n) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  constexpr float kDropped = -std::numeric_limits<float>::infinity();
  RowVec most = hn::Set(d, kDropped), most1 = most;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    most = hn::Max(most, hn::LoadU(d, x + i));
    most1 = hn::Max(most1, hn::LoadU(d, x + i + lanes));
  }
  if (i + lanes <= n) {
    most = hn::Max(most, hn::LoadU(d, x + i));
    i += lanes;
  }
  if (i < n) most1 = hn::Max(most1, n >= lanes ? hn::LoadU(d, x + n - lanes) : load_tail(d, x, n, kDropped));
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(most, most1)));
}

float exp_row(float* x, size_t n, float scale, const float* mask, const uint8_t* bools) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  constexpr float kDropped = -std::numeric_limits<float>::infinity();
  if (bools) drop(x, n, bools);
  size_t i = 0;
  if (mask || !(scale > 0)) {  // otherwise the scale goes into the exponent
    const RowVec s = hn::Set(d, scale);
    for (; i + lanes <= n; i += lanes) {
      const RowVec v = hn::Mul(hn::LoadU(d, x + i), s);
      hn::StoreU(mask ? hn::Add(v, hn::LoadU(d, mask + i)) : v, d, x + i);
    }
    for (; i < n; ++i) x[i] = x[i] * scale + (mask ? mask[i] : 0);
    scale = 1;
  }
  const float top = largest(x, n);
  if (!(top > kDropped)) {
    for (i = 0; i < n; ++i)
      if (x[i] != x[i]) return std::numeric_limits<float>::quiet_NaN();  // for what is divided by it, too
    std::fill_n(x, n, 0.0f);
    return 0;
  }
  // exp(scale * (x - top)), as a power of 2. NaN becomes NaN, and so does the sum.
  const RowVec factor = hn::Set(d, scale * kLog2E), t = hn::Set(d, top);
  RowVec sum = hn::Zero(d), sum1 = sum;
  auto power = [&](RowVec v) HWY_ATTR { return fast_exp2_negative(d, hn::Mul(hn::Sub(v, t), factor)); };
  // The last vector overlaps with the one before, of which it takes no part in the sum.
  const size_t rest = n % lanes;
  const RowVec last = rest == 0 ? sum : power(n >= lanes ? hn::LoadU(d, x + n - lanes) : load_tail(d, x, n, kDropped));
  for (i = 0; i + 2 * lanes <= n; i += 2 * lanes) {
    const RowVec e = power(hn::LoadU(d, x + i)), e1 = power(hn::LoadU(d, x + i + lanes));
    hn::StoreU(e, d, x + i);
    hn::StoreU(e1, d, x + i + lanes);
    sum = hn::Add(sum, e);
    sum1 = hn::Add(sum1, e1);
  }
  if (i + lanes <= n) {
    const RowVec e = power(hn::LoadU(d, x + i));
    hn::StoreU(e, d, x + i);
    sum = hn::Add(sum, e);
  }
  if (rest > 0 && n >= lanes) {
    hn::StoreU(last, d, x + n - lanes);
    sum1 = hn::Add(sum1, hn::IfThenZeroElse(hn::FirstN(d, lanes - rest), last));
  } else if (rest > 0) {
    store_tail(d, last, x, n);
    sum = last;  // entries past the end are exp(-inf) = 0
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(sum, sum1)));
}

void scale_row(float* x, size_t n, float factor) {
  const RowTag d;
  const RowVec f = hn::Set(d, factor);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(hn::Mul(hn::LoadU(d, x + i), f), d, x + i);
  for (; i < n; ++i) x[i] *= factor;
}

// exp(x - top) of a row, summed and not kept.
float log_sum_exp(const float* x, size_t n) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  RowVec most = hn::Set(d, kLowest);
  bool nan = false;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const RowVec v = hn::LoadU(d, x + i);
    nan |= !hn::AllFalse(d, hn::IsNaN(v));
    most = hn::Max(most, v);
  }
  float top = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; i < n; ++i) {
    nan |= x[i] != x[i];
    top = x[i] > top ? x[i] : top;
  }
  if (nan || top == kLowest) return std::numeric_limits<float>::quiet_NaN();
  const RowVec t = hn::Set(d, top);
  RowVec sum = hn::Zero(d);
  for (i = 0; i + lanes <= n; i += lanes) sum = hn::Add(sum, fast_exp_negative(d, hn::Sub(hn::LoadU(d, x + i), t)));
  if (i < n) sum = hn::Add(sum, fast_exp_negative(d, hn::Sub(load_tail(d, x + i, n - i, kLowest), t)));
  return top + std::log(hn::GetLane(hn::SumOfLanes(d, sum)));
}

// Each lane sums so many elements in f32 before they are added in f64.
constexpr size_t kSteps = 64;

double sum_row(const float* x, size_t n) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  double sum = 0;
  for (size_t begin = 0, i = 0; begin < n; begin += kSteps * lanes) {
    const size_t end = n - begin < kSteps * lanes ? n : begin + kSteps * lanes;
    RowVec a = hn::Zero(d), b = hn::Zero(d);
    for (i = begin; i + 2 * lanes <= end; i += 2 * lanes) {
      a = hn::Add(a, hn::LoadU(d, x + i));
      b = hn::Add(b, hn::LoadU(d, x + i + lanes));
    }
    sum += hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
    for (; i < end; ++i) sum += x[i];
  }
  return sum;
}

double squares(const float* x, size_t n, float about) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  const RowVec m = hn::Set(d, about);
  double sum = 0;
  for (size_t begin = 0, i = 0; begin < n; begin += kSteps * lanes) {
    const size_t end = n - begin < kSteps * lanes ? n : begin + kSteps * lanes;
    RowVec a = hn::Zero(d), b = hn::Zero(d);
    for (i = begin; i + 2 * lanes <= end; i += 2 * lanes) {
      const RowVec u = hn::Sub(hn::LoadU(d, x + i), m), v = hn::Sub(hn::LoadU(d, x + i + lanes), m);
      a = hn::MulAdd(u, u, a);
      b = hn::MulAdd(v, v, b);
    }
    sum += hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
    for (; i < end; ++i) sum += (x[i] - about) * (x[i] - about);
  }
  return sum;
}

void affine(const float* x, float* y, size_t n, float mean, float factor, float shift) {
  const RowTag d;
  const RowVec m = hn::Set(d, mean), f = hn::Set(d, factor), s = hn::Set(d, shift);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(hn::MulAdd(hn::Sub(hn::LoadU(d, x + i), m), f, s), d, y + i);
  for (; i < n; ++i) y[i] = (x[i] - mean) * factor + shift;
}

// Of columns: whole vectors, then one of what is left.
#define PF_COLUMNS(...)                                                    \
  const RowTag d;                                                          \
  const size_t lanes = hn::Lanes(d);                                       \
  auto step = __VA_ARGS__;                                                 \
  size_t i = 0;                                                            \
  for (; i + lanes <= n; i += lanes) step(i, [&](const float* p) { return hn::LoadU(d, p); }, [&](RowVec v, float* p) { hn::StoreU(v, d, p); }); \
  if (i < n) step(i, [&](const float* p) { return load_tail(d, p, n - i, 0.0f); }, [&](RowVec v, float* p) { store_tail(d, v, p, n - i); });

void column_max(float* top, const float* x, size_t n) {
  PF_COLUMNS([&](size_t at, auto load, auto store) {
    const RowVec t = load(top + at), v = load(x + at);
    store(hn::IfThenElse(hn::Or(hn::Gt(v, t), hn::IsNaN(v)), v, t), top + at);
  })
}
void column_exp(float* x, const float* top, float* sum, size_t n, bool keep) {
  PF_COLUMNS([&](size_t at, auto load, auto store) {
    const RowVec e = fast_exp_negative(d, hn::Sub(load(x + at), load(top + at)));
    if (keep) store(e, x + at);
    store(hn::Add(load(sum + at), e), sum + at);
  })
}
void column_scale(float* x, const float* factor, size_t n) {
  PF_COLUMNS([&](size_t at, auto load, auto store) { store(hn::Mul(load(x + at), load(factor + at)), x + at); })
}
void column_shift(float* x, const float* shift, size_t n) {
  PF_COLUMNS([&](size_t at, auto load, auto store) { store(hn::Sub(load(x + at), load(shift + at)), x + at); })
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

rows::Moments layer_norm(const float* x, float* y, size_t n, const float* weight, const float* bias, float eps) {
  const auto count = static_cast<double>(n);
  const float mean = static_cast<float>(sum_row(x, n) / count), rstd = 1 / std::sqrt(static_cast<float>(squares(x, n, mean) / count) + eps);
  normalise(x, y, n, mean, rstd, weight, bias);
  return {mean, rstd};
}

void rms_norm(const float* x, float* y, size_t n, const float* weight, float eps) {
  normalise(x, y, n, 0, 1 / std::sqrt(static_cast<float>(squares(x, n, 0) / static_cast<double>(n)) + eps), weight, nullptr);
}

void norm_backward(const rows::NormBackward& b) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d), n = b.n;
  const float mean = b.moments.mean, rstd = b.moments.rstd;
  const RowVec m = hn::Set(d, mean), f = hn::Set(d, rstd);
  double sum = 0, products = 0;  // of h, and of h z
  for (size_t begin = 0, i = 0; begin < n; begin += kSteps * lanes) {
    const size_t end = n - begin < kSteps * lanes ? n : begin + kSteps * lanes;
    RowVec s = hn::Zero(d), t = s;
    for (i = begin; i + lanes <= end; i += lanes) {
      const RowVec g = hn::LoadU(d, b.grad + i), z = hn::Mul(hn::Sub(hn::LoadU(d, b.x + i), m), f);
      const RowVec h = b.weight ? hn::Mul(g, hn::LoadU(d, b.weight + i)) : g;
      s = hn::Add(s, h);
      t = hn::MulAdd(h, z, t);
      if (b.dweight) hn::StoreU(hn::MulAdd(g, z, hn::LoadU(d, b.dweight + i)), d, b.dweight + i);
      if (b.dbias) hn::StoreU(hn::Add(g, hn::LoadU(d, b.dbias + i)), d, b.dbias + i);
    }
    sum += hn::GetLane(hn::SumOfLanes(d, s));
    products += hn::GetLane(hn::SumOfLanes(d, t));
    for (; i < end; ++i) {
      const float z = (b.x[i] - mean) * rstd, h = b.weight ? b.grad[i] * b.weight[i] : b.grad[i];
      sum += h;
      products += h * z;
      if (b.dweight) b.dweight[i] += b.grad[i] * z;
      if (b.dbias) b.dbias[i] += b.grad[i];
    }
  }
  if (!b.dx) return;
  const float mean_h = b.centred ? static_cast<float>(sum / static_cast<double>(n)) : 0, mean_hz = static_cast<float>(products / static_cast<double>(n));
  const RowVec mh = hn::Set(d, mean_h), mz = hn::Set(d, mean_hz);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const RowVec g = hn::LoadU(d, b.grad + i), z = hn::Mul(hn::Sub(hn::LoadU(d, b.x + i), m), f);
    const RowVec h = b.weight ? hn::Mul(g, hn::LoadU(d, b.weight + i)) : g;
    hn::StoreU(hn::Mul(hn::NegMulAdd(z, mz, hn::Sub(h, mh)), f), d, b.dx + i);
  }
  for (; i < n; ++i) {
    const float z = (b.x[i] - mean) * rstd, h = b.weight ? b.grad[i] * b.weight[i] : b.grad[i];
    b.dx[i] = (h - mean_h - z * mean_hz) * rstd;
  }
}

rows::Sums sums(const float* grad, const float* x, size_t n, float mean) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  const RowVec m = hn::Set(d, mean);
  rows::Sums total{0, 0};
  for (size_t begin = 0, i = 0; begin < n; begin += kSteps * lanes) {
    const size_t end = n - begin < kSteps * lanes ? n : begin + kSteps * lanes;
    RowVec s = hn::Zero(d), s1 = s, t = s, t1 = s;
    for (i = begin; i + 2 * lanes <= end; i += 2 * lanes) {
      const RowVec g = hn::LoadU(d, grad + i), g1 = hn::LoadU(d, grad + i + lanes);
      s = hn::Add(s, g);
      s1 = hn::Add(s1, g1);
      t = hn::MulAdd(g, hn::Sub(hn::LoadU(d, x + i), m), t);
      t1 = hn::MulAdd(g1, hn::Sub(hn::LoadU(d, x + i + lanes), m), t1);
    }
    total.grad += hn::GetLane(hn::SumOfLanes(d, hn::Add(s, s1)));
    total.products += hn::GetLane(hn::SumOfLanes(d, hn::Add(t, t1)));
    for (; i < end; ++i) {
      total.grad += grad[i];
      total.products += grad[i] * (x[i] - mean);
    }
  }
  return total;
}

void combine(const float* grad, const float* x, float* out, size_t n, float factor, float shift, float slope, float mean) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  const RowVec f = hn::Set(d, factor), s = hn::Set(d, shift), l = hn::Set(d, slope), m = hn::Set(d, mean);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::MulAdd(hn::Sub(hn::LoadU(d, x + i), m), l, hn::MulAdd(hn::LoadU(d, grad + i), f, s)), d, out + i);
  for (; i < n; ++i) out[i] = grad[i] * factor + shift + (x[i] - mean) * slope;
}

void softmax_backward(const float* y, const float* grad, float* out, size_t n, float scale) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  RowVec s = hn::Zero(d), t = s;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    s = hn::MulAdd(hn::LoadU(d, y + i), hn::LoadU(d, grad + i), s);
    t = hn::MulAdd(hn::LoadU(d, y + i + lanes), hn::LoadU(d, grad + i + lanes), t);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s, t)));
  for (; i < n; ++i) sum += y[i] * grad[i];
  const RowVec v = hn::Set(d, sum), by = hn::Set(d, scale);
  for (i = 0; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, y + i), hn::Sub(hn::LoadU(d, grad + i), v)), by), d, out + i);
  for (; i < n; ++i) out[i] = y[i] * (grad[i] - sum) * scale;
}

void log_softmax_backward(const float* y, const float* grad, float* out, size_t n) {
  const RowTag d;
  const size_t lanes = hn::Lanes(d);
  const auto sum = static_cast<float>(sum_row(grad, n));
  const RowVec s = hn::Set(d, -sum);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::MulAdd(fast_exp_negative(d, hn::LoadU(d, y + i)), s, hn::LoadU(d, grad + i)), d, out + i);
  if (i < n) store_tail(d, hn::MulAdd(fast_exp_negative(d, load_tail(d, y + i, n - i, 0)), s, load_tail(d, grad + i, n - i, 0)), out + i, n - i);
}

const rows::Functions* get_rows() {
  static constexpr rows::Functions kFunctions = {exp_row,    scale_row, layer_norm, rms_norm,   log_sum_exp,  affine,
                                                sum_row, squares,   column_max, column_exp, column_scale, column_shift,
                                                norm_backward, sums,      combine,    softmax_backward, log_softmax_backward};
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
