#include "kernels/conv/winograd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv/winograd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using WinogradTag = hn::ScalableTag<float>;

// One dimension of B^T, F(4, 3): y[i * y_step] from six vectors.
template <class D, class V>
HWY_INLINE void input_line_4(D d, V x0, V x1, V x2, V x3, V x4, V x5, float* y, size_t y_step) {
  const V two = hn::Set(d, 2.0f), four = hn::Set(d, 4.0f), five = hn::Set(d, 5.0f);
  const V a = hn::NegMulAdd(four, x2, x4), b = hn::NegMulAdd(four, x1, x3), e = hn::Sub(x4, x2), f = hn::Mul(two, hn::Sub(x3, x1));
  hn::Store(hn::NegMulAdd(five, x2, hn::MulAdd(four, x0, x4)), d, y);
  hn::Store(hn::Add(a, b), d, y + y_step);
  hn::Store(hn::Sub(a, b), d, y + 2 * y_step);
  hn::Store(hn::Add(e, f), d, y + 3 * y_step);
  hn::Store(hn::Sub(e, f), d, y + 4 * y_step);
  hn::Store(hn::NegMulAdd(five, x3, hn::MulAdd(four, x1, x5)), d, y + 5 * y_step);
}
template <class D, class V>
HWY_INLINE void input_line_2(D d, V x0, V x1, V x2, V x3, float* y, size_t y_step) {
  hn::Store(hn::Sub(x0, x2), d, y);
  hn::Store(hn::Add(x1, x2), d, y + y_step);
  hn::Store(hn::Sub(x2, x1), d, y + 2 * y_step);
  hn::Store(hn::Sub(x1, x3), d, y + 3 * y_step);
}

// Columns first, into `half` (n x n vectors), then rows into `whole`; both aligned.
template <class D>
HWY_INLINE void input_tile(const conv::WinogradInput& t, D d, size_t c) {
  const size_t lanes = hn::Lanes(d), n = t.m + 2;
  HWY_ALIGN float half[36 * HWY_MAX_BYTES / sizeof(float)], line[6 * HWY_MAX_BYTES / sizeof(float)];
  for (size_t j = 0; j < n; ++j) {
    auto x = [&](size_t i) HWY_ATTR { return hn::LoadU(d, t.pixel[i * n + j] + c); };
    if (n == 6) input_line_4(d, x(0), x(1), x(2), x(3), x(4), x(5), half + j * lanes, n * lanes);
    else input_line_2(d, x(0), x(1), x(2), x(3), half + j * lanes, n * lanes);
  }
  for (size_t i = 0; i < n; ++i) {
    auto x = [&](size_t j) HWY_ATTR { return hn::Load(d, half + (i * n + j) * lanes); };
    if (n == 6) input_line_4(d, x(0), x(1), x(2), x(3), x(4), x(5), line, lanes);
    else input_line_2(d, x(0), x(1), x(2), x(3), line, lanes);
    for (size_t j = 0; j < n; ++j) hn::StoreU(hn::Load(d, line + j * lanes), d, t.v + (i * n + j) * t.step + c);
  }
}

// One dimension of A^T.
template <class D, class V>
HWY_INLINE void output_line_4(D d, V x0, V x1, V x2, V x3, V x4, V x5, float* y, size_t y_step) {
  const V s = hn::Add(x1, x2), t = hn::Sub(x1, x2), u = hn::Add(x3, x4), v = hn::Sub(x3, x4);
  hn::Store(hn::Add(x0, hn::Add(s, u)), d, y);
  hn::Store(hn::MulAdd(hn::Set(d, 2.0f), v, t), d, y + y_step);
  hn::Store(hn::MulAdd(hn::Set(d, 4.0f), u, s), d, y + 2 * y_step);
  hn::Store(hn::Add(x5, hn::MulAdd(hn::Set(d, 8.0f), v, t)), d, y + 3 * y_step);
}
template <class D, class V>
HWY_INLINE void output_line_2(D d, V x0, V x1, V x2, V x3, float* y, size_t y_step) {
  hn::Store(hn::Add(x0, hn::Add(x1, x2)), d, y);
  hn::Store(hn::Sub(hn::Sub(x1, x2), x3), d, y + y_step);
}

template <class D>
HWY_INLINE void output_tile(const conv::WinogradOutput& t, D d, size_t c) {
  const size_t lanes = hn::Lanes(d), n = t.m + 2;
  HWY_ALIGN float half[36 * HWY_MAX_BYTES / sizeof(float)], line[6 * HWY_MAX_BYTES / sizeof(float)];
  for (size_t j = 0; j < n; ++j) {
    auto x = [&](size_t i) HWY_ATTR { return hn::LoadU(d, t.s + (i * n + j) * t.step + c); };
    if (n == 6) output_line_4(d, x(0), x(1), x(2), x(3), x(4), x(5), half + j * lanes, n * lanes);
    else output_line_2(d, x(0), x(1), x(2), x(3), half + j * lanes, n * lanes);
  }
  const auto bias = t.bias ? hn::LoadU(d, t.bias + c) : hn::Zero(d);
  const auto low = hn::Set(d, t.low), high = hn::Set(d, t.high);
  for (size_t i = 0; i < t.m; ++i) {
    if (!t.out[i * t.m]) return;  // what is below has no outputs either
    auto x = [&](size_t j) HWY_ATTR { return hn::Load(d, half + (i * n + j) * lanes); };
    if (n == 6) output_line_4(d, x(0), x(1), x(2), x(3), x(4), x(5), line, lanes);
    else output_line_2(d, x(0), x(1), x(2), x(3), line, lanes);
    for (size_t j = 0; j < t.m && t.out[i * t.m + j]; ++j) {
      auto y = hn::Add(hn::Load(d, line + j * lanes), bias);
      if (t.residual) y = hn::Add(y, hn::LoadU(d, t.residual[i * t.m + j] + c));
      y = hn::IfThenElse(hn::Lt(y, low), low, hn::IfThenElse(hn::Gt(y, high), high, y));
      hn::StoreU(y, d, t.out[i * t.m + j] + c);
    }
  }
}

void run_input(const conv::WinogradInput& t) {
  const WinogradTag d;
  const hn::CappedTag<float, 1> one;
  size_t c = 0;
  for (; c + hn::Lanes(d) <= t.channels; c += hn::Lanes(d)) input_tile(t, d, c);
  for (; c < t.channels; ++c) input_tile(t, one, c);
}
void run_output(const conv::WinogradOutput& t) {
  const WinogradTag d;
  const hn::CappedTag<float, 1> one;
  size_t c = 0;
  for (; c + hn::Lanes(d) <= t.channels; c += hn::Lanes(d)) output_tile(t, d, c);
  for (; c < t.channels; ++c) output_tile(t, one, c);
}

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
