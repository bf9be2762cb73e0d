// Sums, differences, products and magnitudes of complex tensors, in their own precision: the fused programs of
// portfire::pointwise are real.
#include <algorithm>
#include <cmath>
#include <complex>

#include "kernels/kernel.h"
#include "kernels/pointwise/complex_loops.h"
#include "kernels/thread_pool.h"
#include "ops/rows.h"

namespace portfire::pointwise {
namespace {

using Complex = std::complex<double>;
constexpr int64_t kGrain = 16 << 10;  // elements for each thread at least
constexpr int64_t kTogether = 256;    // numbers that are brought together where they lie apart

template <class T>
Complex load(const T* at) { return {static_cast<double>(at[0]), static_cast<double>(at[1])}; }

// The standard's product also looks after infinities: where the plain one has none of its parts.
template <class T>
void mul(const T* x, const T* y, T* out, size_t n) {
  for (; n > 0; --n, x += 2, y += 2, out += 2) {
    const Complex a = load(x), b = load(y);
    Complex p(a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real());
    if (p.real() != p.real() && p.imag() != p.imag()) p = a * b;
    out[0] = static_cast<T>(p.real());
    out[1] = static_cast<T>(p.imag());
  }
}
template <class T>
void abs(const T* x, T* out, size_t n) {
  for (; n > 0; --n, x += 2, ++out) {
    const Complex a = load(x);
    const double square = a.real() * a.real() + a.imag() * a.imag();
    *out = static_cast<T>(square > 1e-290 && square < 1e290 ? std::sqrt(square) : std::abs(a));
  }
}

// n numbers of `parts` each, `step` apart, or next to each other as they are.
template <class T>
struct Numbers {
  T values[2 * kTogether];
  bool filled = false;  // with the one number of step 0
  const T* gather(const T* from, int64_t step, int64_t n) {
    if (step == 2) return from;
    if (step == 0 && filled) return values;
    filled = step == 0;
    for (int64_t i = 0; i < (filled ? kTogether : n); ++i, from += step) {
      values[2 * i] = from[0];
      values[2 * i + 1] = from[1];
    }
    return values;
  }
  void scatter(T* to, int64_t step, int64_t parts, int64_t n) const {
    for (int64_t i = 0; i < n; ++i, to += step)
      for (int64_t k = 0; k < parts; ++k) to[k] = values[parts * i + k];
  }
};

// Threads share the first dimension.
template <class T>
void run_as(ComplexFn<T> fn, const TensorView& x, const TensorView& y, const TensorView& out, ThreadPool* pool) {
  const int64_t in = 2, wide = is_complex(out.dtype) ? 2 : 1, length = out.rank() ? out.size(0) : 1;
  const TensorView a = ops::broadcast_view(x, out.shape), b = ops::broadcast_view(y, out.shape);
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(out.numel() / kGrain, 1, std::max<int64_t>(1, std::min(threads * 2, length)));
  parallel(pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    const int64_t begin = length * static_cast<int64_t>(t) / tasks;
    Shape part = out.shape;
    if (part.rank) part.sizes[0] = length * static_cast<int64_t>(t + 1) / tasks - begin;
    const auto start = [&](const TensorView& v) { return v.rank() ? begin * v.strides[0] : 0; };
    Numbers<T> first, second, result;
    for (ops::Rows r(part, {out.strides, a.strides, b.strides}); r.valid(); r.next()) {
      T* to = out.as<T>() + (start(out) + r.offset(0)) * wide;
      const T *from = a.as<const T>() + (start(a) + r.offset(1)) * in, *other = b.as<const T>() + (start(b) + r.offset(2)) * in;
      const int64_t steps[] = {r.step(0) * wide, r.step(1) * in, r.step(2) * in};
      first.filled = second.filled = false;
      const bool together = steps[0] == wide;
      const int64_t most = together && steps[1] == in && steps[2] == in ? r.length() : kTogether;
      for (int64_t i = 0; i < r.length(); i += most) {
        const int64_t n = std::min(most, r.length() - i);
        const T *p = first.gather(from + i * steps[1], steps[1], n), *q = second.gather(other + i * steps[2], steps[2], n);
        fn(p, q, together ? to + i * wide : result.values, static_cast<size_t>(n));
        if (!together) result.scatter(to + i * steps[0], steps[0], wide, n);
      }
    }
  });
}

template <bool binary, bool scaled>
bool prepare(const Operands& o, void*, size_t*) {
  const TensorView& x = o.in(0);
  if (!is_complex(x.dtype)) return false;
  if (!binary) return o.out(0).dtype == real_of(x.dtype);
  if (o.args[1]->kind != Value::Kind::tensor || o.in(1).dtype != x.dtype || o.out(0).dtype != x.dtype) return false;
  return !scaled || Args(o.args).real(2) == 1;
}
template <ComplexOp op>
Error run(const void*, const Operands& o, const KernelContext& context) {
  const TensorView &x = o.in(0), &y = op == ComplexOp::abs ? x : o.in(1);
  if (x.dtype == DType::c128) run_as(complex_fn<double>(op), x, y, o.out(0), context.pool);
  else run_as(complex_fn<float>(op), x, y, o.out(0), context.pool);
  return {};
}

}  // namespace

void complex_mul_formula(const float* a, const float* b, float* out, size_t n) { mul(a, b, out, n); }
void complex_mul_formula(const double* a, const double* b, double* out, size_t n) { mul(a, b, out, n); }
void complex_abs_formula(const float* a, float* out, size_t n) { abs(a, out, n); }
void complex_abs_formula(const double* a, double* out, size_t n) { abs(a, out, n); }

extern const Kernel kComplexMul, kComplexAdd, kComplexSub, kComplexAbs;
const Kernel kComplexMul = {"aten::mul.Tensor", 0, prepare<true, false>, run<ComplexOp::mul>};
const Kernel kComplexAdd = {"aten::add.Tensor", 0, prepare<true, true>, run<ComplexOp::add>};
const Kernel kComplexSub = {"aten::sub.Tensor", 0, prepare<true, true>, run<ComplexOp::sub>};
const Kernel kComplexAbs = {"aten::abs", 0, prepare<false, false>, run<ComplexOp::abs>};

}  // namespace portfire::pointwise
