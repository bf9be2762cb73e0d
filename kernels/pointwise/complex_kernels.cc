// Sums, differences, products and magnitudes of complex tensors, in f64 as the reference: the fused programs of
// portfire::pointwise are real.
#include <algorithm>
#include <cmath>
#include <complex>

#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/rows.h"

namespace portfire::pointwise {
namespace {

using Complex = std::complex<double>;
constexpr int64_t kGrain = 16 << 10;  // elements for each thread at least

struct Add {
  Complex operator()(Complex a, Complex b) const { return a + b; }
};
struct Subtract {
  Complex operator()(Complex a, Complex b) const { return a - b; }
};
// The standard's product also looks after infinities: where the plain one has none of its parts.
struct Multiply {
  Complex operator()(Complex a, Complex b) const {
    const double r = a.real() * b.real() - a.imag() * b.imag(), i = a.real() * b.imag() + a.imag() * b.real();
    return r != r && i != i ? a * b : Complex(r, i);
  }
};
struct Magnitude {
  double operator()(Complex a, Complex) const {
    const double square = a.real() * a.real() + a.imag() * a.imag();
    return square > 1e-290 && square < 1e290 ? std::sqrt(square) : std::abs(a);
  }
};

template <class T>
Complex load(const T* at) { return {static_cast<double>(at[0]), static_cast<double>(at[1])}; }
template <class T>
void store(T* at, Complex v) {
  at[0] = static_cast<T>(v.real());
  at[1] = static_cast<T>(v.imag());
}
template <class T>
void store(T* at, double v) { *at = static_cast<T>(v); }

// Threads share the first dimension.
template <class T, class F>
void run_as(const TensorView& x, const TensorView& y, const TensorView& out, ThreadPool* pool) {
  const int64_t in = 2, wide = is_complex(out.dtype) ? 2 : 1, length = out.rank() ? out.size(0) : 1;
  const TensorView a = ops::broadcast_view(x, out.shape), b = ops::broadcast_view(y, out.shape);
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(out.numel() / kGrain, 1, std::max<int64_t>(1, std::min(threads * 2, length)));
  parallel(pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    const int64_t begin = length * static_cast<int64_t>(t) / tasks;
    Shape part = out.shape;
    if (part.rank) part.sizes[0] = length * static_cast<int64_t>(t + 1) / tasks - begin;
    const auto start = [&](const TensorView& v) { return v.rank() ? begin * v.strides[0] : 0; };
    for (ops::Rows r(part, {out.strides, a.strides, b.strides}); r.valid(); r.next()) {
      T* to = out.as<T>() + (start(out) + r.offset(0)) * wide;
      const T *from = a.as<const T>() + (start(a) + r.offset(1)) * in, *other = b.as<const T>() + (start(b) + r.offset(2)) * in;
      const int64_t steps[] = {r.step(0) * wide, r.step(1) * in, r.step(2) * in};
      for (int64_t i = 0; i < r.length(); ++i) store(to + i * steps[0], F()(load(from + i * steps[1]), load(other + i * steps[2])));
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
template <class F, bool binary>
Error run(const void*, const Operands& o, const KernelContext& context) {
  const TensorView &x = o.in(0), &y = binary ? o.in(1) : x;
  x.dtype == DType::c128 ? run_as<double, F>(x, y, o.out(0), context.pool) : run_as<float, F>(x, y, o.out(0), context.pool);
  return {};
}

}  // namespace

extern const Kernel kComplexMul, kComplexAdd, kComplexSub, kComplexAbs;
const Kernel kComplexMul = {"aten::mul.Tensor", 0, prepare<true, false>, run<Multiply, true>};
const Kernel kComplexAdd = {"aten::add.Tensor", 0, prepare<true, true>, run<Add, true>};
const Kernel kComplexSub = {"aten::sub.Tensor", 0, prepare<true, true>, run<Subtract, true>};
const Kernel kComplexAbs = {"aten::abs", 0, prepare<false, false>, run<Magnitude, false>};

}  // namespace portfire::pointwise
