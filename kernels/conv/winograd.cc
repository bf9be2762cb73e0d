#include "kernels/conv/winograd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv/winograd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using WinogradTag = hn::ScalableTag<float>;

// Calls f(i, B^T x at i) in one dimension, of m + 2 vectors x(i).
template <size_t kM, class D, class X, class F>
HWY_INLINE void input_line(D d, X x, F f) {
  using V = hn::Vec<D>;
  const V x0 = x(0), x1 = x(1), x2 = x(2), x3 = x(3);
  if constexpr (kM == 4) {
    const V x4 = x(4), x5 = x(5);
    const V two = hn::Set(d, 2.0f), four = hn::Set(d, 4.0f), five = hn::Set(d, 5.0f);
    const V a = hn::NegMulAdd(four, x2, x4), b = hn::NegMulAdd(four, x1, x3), e = hn::Sub(x4, x2), g = hn::Mul(two, hn::Sub(x3, x1));
    f(0, hn::NegMulAdd(five, x2, hn::MulAdd(four, x0, x4)));
    f(1, hn::Add(a, b));
    f(2, hn::Sub(a, b));
    f(3, hn::Add(e, g));
    f(4, hn::Sub(e, g));
    f(5, hn::NegMulAdd(five, x3, hn::MulAdd(four, x1, x5)));
  } else {
    f(0, hn::Sub(x0, x2));
    f(1, hn::Add(x1, x2));
    f(2, hn::Sub(x2, x1));
    f(3, hn::Sub(x1, x3));
  }
}
// The same of A^T: m results.
template <size_t kM, class D, class X, class F>
HWY_INLINE void output_line(D d, X x, F f) {
  using V = hn::Vec<D>;
  const V x0 = x(0), x1 = x(1), x2 = x(2), x3 = x(3);
  if constexpr (kM == 4) {
    const V x4 = x(4), x5 = x(5);
    const V s = hn::Add(x1, x2), t = hn::Sub(x1, x2), u = hn::Add(x3, x4), v = hn::Sub(x3, x4);
    f(0, hn::Add(x0, hn::Add(s, u)));
    f(1, hn::MulAdd(hn::Set(d, 2.0f), v, t));
    f(2, hn::MulAdd(hn::Set(d, 4.0f), u, s));
    f(3, hn::Add(x5, hn::MulAdd(hn::Set(d, 8.0f), v, t)));
  } else {
    f(0, hn::Add(x0, hn::Add(x1, x2)));
    f(1, hn::Sub(hn::Sub(x1, x2), x3));
  }
}

// Columns first, by way of `half` (n x n vectors, aligned), then rows.
template <size_t kM, class D>
HWY_INLINE void input_tile(const conv::WinogradInput& t, D d, size_t c) {
  constexpr size_t kN = kM + 2;
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN float half[kN * kN * HWY_MAX_BYTES / sizeof(float)];
  for (size_t j = 0; j < kN; ++j) {
    const auto x = [&](size_t i) HWY_ATTR { return hn::LoadU(d, t.pixel[i * kN + j] + c); };
    input_line<kM>(d, x, [&](size_t i, auto v) HWY_ATTR { hn::Store(v, d, half + (i * kN + j) * lanes); });
  }
  for (size_t i = 0; i < kN; ++i) {
    const auto x = [&](size_t j) HWY_ATTR { return hn::Load(d, half + (i * kN + j) * lanes); };
    input_line<kM>(d, x, [&](size_t j, auto v) HWY_ATTR { hn::StoreU(v, d, t.v + (i * kN + j) * t.step + c); });
  }
}

template <size_t kM, class D>
HWY_INLINE void output_tile(const conv::WinogradOutput& t, D d, size_t c) {
  constexpr size_t kN = kM + 2;
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN float half[kM * kN * HWY_MAX_BYTES / sizeof(float)];
  for (size_t j = 0; j < kN; ++j) {
    const auto x = [&](size_t i) HWY_ATTR { return hn::LoadU(d, t.s + (i * kN + j) * t.step + c); };
    output_line<kM>(d, x, [&](size_t i, auto v) HWY_ATTR { hn::Store(v, d, half + (i * kN + j) * lanes); });
  }
  const auto bias = t.bias ? hn::LoadU(d, t.bias + c) : hn::Zero(d);
  const auto low = hn::Set(d, t.low), high = hn::Set(d, t.high);
  for (size_t i = 0; i < kM; ++i) {
    if (!t.out[i * kM]) return;  // what is below has no outputs either
    const auto x = [&](size_t j) HWY_ATTR { return hn::Load(d, half + (i * kN + j) * lanes); };
    output_line<kM>(d, x, [&](size_t j, auto v) HWY_ATTR {
      if (!t.out[i * kM + j]) return;
      auto y = hn::Add(v, bias);
      if (t.residual) y = hn::Add(y, hn::LoadU(d, t.residual[i * kM + j] + c));
      y = hn::IfThenElse(hn::Lt(y, low), low, hn::IfThenElse(hn::Gt(y, high), high, y));
      hn::StoreU(y, d, t.out[i * kM + j] + c);
    });
  }
}

// Vectors of channels, the last ones one by one.
template <size_t kM>
void run_input_of(const conv::WinogradInput& t) {
  const WinogradTag d;
  const hn::CappedTag<float, 1> one;
  size_t c = 0;
  for (; c + hn::Lanes(d) <= t.channels; c += hn::Lanes(d)) input_tile<kM>(t, d, c);
  for (; c < t.channels; ++c) input_tile<kM>(t, one, c);
}
template <size_t kM>
void run_output_of(const conv::WinogradOutput& t) {
  const WinogradTag d;
  const hn::CappedTag<float, 1> one;
  size_t c = 0;
  for (; c + hn::Lanes(d) <= t.channels; c += hn::Lanes(d)) output_tile<kM>(t, d, c);
  for (; c < t.channels; ++c) output_tile<kM>(t, one, c);
}
void run_input(const conv::WinogradInput& t) { t.m == 4 ? run_input_of<4>(t) : run_input_of<2>(t); }
void run_output(const conv::WinogradOutput& t) { t.m == 4 ? run_output_of<4>(t) : run_output_of<2>(t); }

const conv::WinogradFunctions* get_winograd() {
  static constexpr conv::WinogradFunctions functions = {&run_input, &run_output};
  return &functions;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(get_winograd);
namespace conv {
const WinogradFunctions& winograd_functions() { return *HWY_DYNAMIC_DISPATCH(get_winograd)(); }
}  // namespace conv
}  // namespace portfire
#endif
