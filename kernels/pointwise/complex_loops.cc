#include "kernels/pointwise/complex_loops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/complex_loops.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// (a + bi) (c + di) = [a, b] [c, c] + [-b, a] [d, d]. What is not finite may have overflowed on the way, or be an infinity
// that the plain product makes a NaN.
template <class T>
void complex_mul(const T* a, const T* b, T* out, size_t n) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR  // one lane holds no pair
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const auto real_sign = hn::OddEven(hn::Zero(d), hn::Set(d, T{-0.0}));
  for (; i + lanes <= 2 * n; i += lanes) {
    const auto x = hn::LoadU(d, a + i), y = hn::LoadU(d, b + i);
    const auto crossed = hn::Mul(hn::Reverse2(d, x), hn::DupOdd(y));
    const auto product = hn::MulAdd(x, hn::DupEven(y), hn::Xor(crossed, real_sign));
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::IsFinite(product)))) {
      pointwise::complex_mul_formula(a + i, b + i, out + i, lanes / 2);
      continue;
    }
    hn::StoreU(product, d, out + i);
  }
#endif
  pointwise::complex_mul_formula(a + i, b + i, out + i, n - i / 2);
}

#define PF_COMPLEX_SUM(name, vectors, number)                                                         \
  template <class T>                                                                                  \
  void complex_##name(const T* a, const T* b, T* out, size_t n) {                                     \
    const hn::ScalableTag<T> d;                                                                       \
    size_t i = 0;                                                                                     \
    for (; i + hn::Lanes(d) <= 2 * n; i += hn::Lanes(d)) {                                            \
      const auto x = hn::LoadU(d, a + i), y = hn::LoadU(d, b + i);                                    \
      hn::StoreU(vectors, d, out + i);                                                                \
    }                                                                                                 \
    for (; i < 2 * n; ++i) out[i] = number;                                                           \
  }
PF_COMPLEX_SUM(add, hn::Add(x, y), a[i] + b[i])
PF_COMPLEX_SUM(sub, hn::Sub(x, y), a[i] - b[i])

// Where the square neither overflows nor loses digits.
template <class T>
void complex_abs(const T* a, const T*, T* out, size_t n) {
  size_t i = 0;
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const auto least = hn::Set(d, sizeof(T) == 4 ? T(1e-30) : T(1e-290)), most = hn::Set(d, sizeof(T) == 4 ? T(1e37) : T(1e290));
  for (; i + lanes <= n; i += lanes) {
    auto x = hn::Zero(d), y = x;
    hn::LoadInterleaved2(d, a + 2 * i, x, y);
    const auto square = hn::MulAdd(x, x, hn::Mul(y, y));
    const auto inside = hn::And(hn::Gt(square, least), hn::Lt(square, most));
    const auto zero = hn::And(hn::Eq(x, hn::Zero(d)), hn::Eq(y, hn::Zero(d)));
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Or(inside, zero)))) {
      pointwise::complex_abs_formula(a + 2 * i, out + i, lanes);
      continue;
    }
    hn::StoreU(hn::Sqrt(square), d, out + i);
  }
  pointwise::complex_abs_formula(a + 2 * i, out + i, n - i);
}

template <class T>
pointwise::ComplexFn<T> find(pointwise::ComplexOp op) {
  switch (op) {
    case pointwise::ComplexOp::mul: return complex_mul<T>;
    case pointwise::ComplexOp::add: return complex_add<T>;
    case pointwise::ComplexOp::sub: return complex_sub<T>;
    case pointwise::ComplexOp::abs: return complex_abs<T>;
  }
  return nullptr;
}
pointwise::ComplexFn<float> find_complex_f32(pointwise::ComplexOp op) { return find<float>(op); }
pointwise::ComplexFn<double> find_complex_f64(pointwise::ComplexOp op) { return find<double>(op); }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(find_complex_f32);
HWY_EXPORT(find_complex_f64);
namespace pointwise {
template <>
ComplexFn<float> complex_fn(ComplexOp op) { return HWY_DYNAMIC_DISPATCH(find_complex_f32)(op); }
template <>
ComplexFn<double> complex_fn(ComplexOp op) { return HWY_DYNAMIC_DISPATCH(find_complex_f64)(op); }
}  // namespace pointwise
}  // namespace portfire
#endif
