#include "ops/range.h"

#include <cmath>
#include <initializer_list>

#include "ops/element.h"

namespace portfire::ops::range {
namespace {

DType arange_dtype(std::initializer_list<Scalar> numbers) {
  for (const Scalar& s : numbers)
    if (s.is_real()) return DType::f32;
  return DType::i64;
}

// i64 alone rounds the numbers before it counts.
Error arange_count(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype, int64_t* out) {
  const bool whole = dtype == DType::i64;
  if (whole ? step.as_int() == 0 : step.as_double() == 0) return Error::make(Code::bad_argument, "step is 0");
  double count;
  if (whole || arange_dtype({start, end, step}) == DType::i64) {
    // Exact for large integers, where doubles are not.
    const __int128 span = __int128{end.as_int()} - start.as_int(), s = step.as_int();
    count = static_cast<double>((span + (s > 0 ? s - 1 : s + 1)) / s);
  } else {
    count = std::ceil((end.as_double() - start.as_double()) / step.as_double());
  }
  if (!(count >= 0 && count < 0x1p62))
    return Error::make(Code::bad_argument, "from %g to %g by %g", start.as_double(), end.as_double(), step.as_double());
  *out = static_cast<int64_t>(count);
  return {};
}

Error infer_arange(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype, TensorSpec* out) {
  int64_t n = 0;
  PF_TRY(arange_count(start, end, step, dtype, &n));
  out->dtype = dtype;
  out->shape = Shape();
  out->shape.push(n);
  return {};
}

void count_up(const TensorView& out, const Scalar& start, const Scalar& step) {
  const bool exact = !is_floating(out.dtype) && !start.is_real() && !step.is_real();
  const bool whole = is_integral(out.dtype);
  // An integer dtype rounds start and step before counting.
  const double from = whole ? static_cast<double>(start.as_int()) : start.as_double();
  const double by = whole ? static_cast<double>(step.as_int()) : step.as_double();
  for (int64_t i = 0; i < out.size(0); ++i) {
    if (exact)
      store_int(out, i * out.strides[0], start.i + i * step.i);
    else
      store_real(out, i * out.strides[0], from + static_cast<double>(i) * by);
  }
}

template <class F>
Error interpolate(const Args& a, const TensorView& out, F f) {
  const double start = a.real(0), end = a.real(1);
  const int64_t n = out.size(0);
  const double step = n > 1 ? (end - start) / static_cast<double>(n - 1) : 0;
  for (int64_t i = 0; i < n; ++i) {
    const double v = i < n / 2 || n == 1 ? start + step * static_cast<double>(i) : end - step * static_cast<double>(n - 1 - i);
    store_real(out, i * out.strides[0], f(v));
  }
  return {};
}

Error infer_steps(const Args& a, DType dtype, TensorSpec* out) {
  if (a.integer(2) < 0) return Error::make(Code::bad_argument, "%lld steps", static_cast<long long>(a.integer(2)));
  out->dtype = dtype;
  out->shape = Shape();
  out->shape.push(a.integer(2));
  return {};
}

}  // namespace

Error Arange::infer(const Args& a, std::span<TensorSpec> outs) {
  const Scalar start = a.scalar(0), end = a.scalar(1), step = a.scalar(2);
  return infer_arange(start, end, step, a.dtype(3, arange_dtype({start, end, step})), &outs[0]);
}
Error Arange::reference(const Args& a, std::span<TensorView> outs) {
  count_up(outs[0], a.scalar(0), a.scalar(2));
  return {};
}

Error ArangeEnd::infer(const Args& a, std::span<TensorSpec> outs) {
  const Scalar zero{}, one{.i = 1};
  return infer_arange(zero, a.scalar(0), one, a.dtype(1, arange_dtype({a.scalar(0)})), &outs[0]);
}
Error ArangeEnd::reference(const Args&, std::span<TensorView> outs) {
  count_up(outs[0], {}, {.i = 1});
  return {};
}

Error Linspace::infer(const Args& a, std::span<TensorSpec> outs) {
  return infer_steps(a, a.dtype(3, DType::f32), &outs[0]);
}
Error Linspace::reference(const Args& a, std::span<TensorView> outs) {
  return interpolate(a, outs[0], [](double v) { return v; });
}

Error Logspace::infer(const Args& a, std::span<TensorSpec> outs) {
  return infer_steps(a, a.dtype(4, DType::f32), &outs[0]);
}
Error Logspace::reference(const Args& a, std::span<TensorView> outs) {
  const double base = a.real(3);
  return interpolate(a, outs[0], [base](double v) { return std::pow(base, v); });
}

Error Range::infer(const Args& a, std::span<TensorSpec> outs) {
  const double start = a.real(0), end = a.real(1), step = a.real(2);
  const double count = std::floor((end - start) / step) + 1;
  if (step == 0 || !(count >= 0 && count < 0x1p62))
    return Error::make(Code::bad_argument, "from %g to %g by %g", start, end, step);
  outs[0].dtype = a.dtype(3, DType::f32);
  outs[0].shape = Shape();
  outs[0].shape.push(static_cast<int64_t>(count));
  return {};
}
Error Range::reference(const Args& a, std::span<TensorView> outs) {
  count_up(outs[0], a.scalar(0), a.scalar(2));
  return {};
}

}  // namespace portfire::ops::range
