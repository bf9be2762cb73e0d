#include "ops/fft.h"

#include <cmath>

#include "ops/element.h"
#include "ops/strips.h"

namespace portfire::ops::fft {
namespace {

constexpr double kPi = 3.14159265358979323846;

int64_t smallest_factor(int64_t n) {
  for (int64_t p = 2; p * p <= n; ++p)
    if (n % p == 0) return p;
  return n;
}

// A transform of length n, by decimation in time: n = p m takes p transforms of length m, combined by
// transforms of length p written out (Cooley and Tukey). p is 4 or prime; a prime length costs n^2.
class Transform {
 public:
  static size_t bytes(int64_t n) { return static_cast<size_t>(n) * 4 * sizeof(Complex); }

  Transform(int64_t n, bool forward, std::byte* scratch)
      : n_(n),
        forward_(forward),
        roots_(reinterpret_cast<Complex*>(scratch)),
        in_(roots_ + n),
        out_(in_ + n),
        terms_(out_ + n) {
    for (int64_t j = 0; j < n; ++j) {
      const double angle = 2 * kPi * static_cast<double>(j) / static_cast<double>(n);
      roots_[j] = Complex(std::cos(angle), forward ? -std::sin(angle) : std::sin(angle));
    }
  }
  Complex* in() { return in_; }
  const Complex* out() const { return out_; }
  void run() { run(in_, 1, out_, n_); }

 private:
  // in: n elements `stride` apart; out: n elements, dense
  void run(const Complex* in, int64_t stride, Complex* out, int64_t n) {
    if (n <= 1) {
      if (n == 1) out[0] = in[0];
      return;
    }
    const int64_t p = n % 4 == 0 ? 4 : smallest_factor(n), m = n / p, step = n_ / n;  // root of length n: roots_[step]
    if (m == 1)
      for (int64_t r = 0; r < p; ++r) out[r] = in[r * stride];
    else
      for (int64_t r = 0; r < p; ++r) run(in + r * stride, stride * p, out + r * m, m);
    if (p == 2) return combine2(out, m, step);
    if (p == 4) return combine4(out, m, step);
    for (int64_t k = 0; k < m; ++k) {
      for (int64_t r = 0; r < p; ++r) terms_[r] = multiply(out[r * m + k], roots_[r * k * step]);
      for (int64_t q = 0; q < p; ++q) {
        Complex sum = terms_[0];
        for (int64_t r = 1, at = q; r < p; ++r, at = at + q >= p ? at + q - p : at + q)
          sum += multiply(terms_[r], roots_[at * m * step]);
        out[k + q * m] = sum;
      }
    }
  }
  void combine2(Complex* out, int64_t m, int64_t step) const {
    for (int64_t k = 0; k < m; ++k) {
      const Complex a = out[k], b = multiply(out[k + m], roots_[k * step]);
      out[k] = a + b;
      out[k + m] = a - b;
    }
  }
  void combine4(Complex* out, int64_t m, int64_t step) const {
    for (int64_t k = 0; k < m; ++k) {
      const Complex a = out[k], b = multiply(out[k + m], roots_[k * step]);
      const Complex c = multiply(out[k + 2 * m], roots_[2 * k * step]);
      const Complex d = multiply(out[k + 3 * m], roots_[3 * k * step]);
      const Complex even = a + c, odd = b + d, rest = a - c, turned = b - d;
      const Complex quarter = forward_ ? Complex(turned.imag(), -turned.real()) : Complex(-turned.imag(), turned.real());
      out[k] = even + odd;
      out[k + m] = rest + quarter;
      out[k + 2 * m] = even - odd;
      out[k + 3 * m] = rest - quarter;
    }
  }
  // std::complex's product also looks after infinities, at several times the cost.
  static Complex multiply(Complex a, Complex b) {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  }

  int64_t n_;
  bool forward_;
  Complex *roots_, *in_, *out_, *terms_;
};

Error wrapped_dims(const Args& a, int* dims) {
  const int rank = a.tensor(0).rank();
  bool mask[kMaxRank];
  if (a.ints(1).empty()) return Error::make(Code::bad_argument, "no dims");
  PF_TRY(dim_mask(a.ints(1), rank, mask));  // refuses a dim given twice
  for (size_t i = 0; i < a.ints(1).size(); ++i) PF_TRY(wrap_dim(a.ints(1)[i], rank, &dims[i]));
  return {};
}

double scale(int64_t normalization, double n) {
  return normalization == 1 ? 1 / std::sqrt(n) : normalization == 2 ? 1 / n : 1;
}

// Transforms each line of `from` along `dim` into one of `to`, which may be the same tensor.
//   take(in, line of from): fills n elements;  give(line of to, out): stores them
template <class Take, class Give>
void along(const TensorView& from, const TensorView& to, int dim, int64_t n, bool forward, std::byte* scratch,
           Take take, Give give) {
  Transform t(n, forward, scratch);
  bool mask[kMaxRank] = {};
  mask[dim] = true;
  ReducedRows(from, mask).for_each(to, true, [&](int64_t in, int64_t out) {
    take(in, t.in());
    t.run();
    give(out, t.out());
  });
}

// In place, along one dimension of a complex tensor.
void transform_lines(const TensorView& x, int dim, bool forward, std::byte* scratch) {
  const int64_t n = x.size(dim), step = x.strides[dim];
  along(
      x, x, dim, n, forward, scratch, [&](int64_t at, Complex* in) { load(x, at, step, n, in); },
      [&](int64_t at, const Complex* out) { store(x, at, step, n, out); });
}

void copy_scaled(const TensorView& from, const TensorView& to, double by) {
  Index at(from.shape);
  for (; at.valid(); at.next()) {
    int64_t i = 0, o = 0;
    for (int d = 0; d < from.rank(); ++d) {
      i += at[d] * from.strides[d];
      o += at[d] * to.strides[d];
    }
    store_complex(to, o, load_complex(from, i) * by);
  }
}

size_t longest(const Args& a, int64_t also = 0) {
  int64_t n = also;
  for (int64_t s : a.tensor(0).shape.dims()) n = s > n ? s : n;
  return Transform::bytes(n);
}
Error check(const Args& a, size_t bytes, bool is_complex_input) {
  if (is_complex(a.tensor(0).dtype) != is_complex_input)
    return Error::make(Code::bad_argument, "%s (expected %s)", TypeText(a.tensor(0)).c_str(),
                       is_complex_input ? "a complex dtype" : "a real dtype");
  if (a.tensor(0).data != nullptr && a.context().scratch.size() < bytes)
    return Error::make(Code::out_of_memory, "no memory for a transform");
  return {};
}

}  // namespace

size_t C2c::scratch(const Args& a) { return longest(a); }
Error C2c::infer(const Args& a, std::span<TensorSpec> outs) {
  int dims[kMaxRank];
  PF_TRY(wrapped_dims(a, dims));
  outs[0] = {a.tensor(0).dtype, a.tensor(0).shape};
  return check(a, 0, true);
}
Error C2c::reference(const Args& a, std::span<TensorView> outs) {
  int dims[kMaxRank];
  PF_TRY(wrapped_dims(a, dims));
  PF_TRY(check(a, scratch(a), true));
  double n = 1;
  for (size_t i = 0; i < a.ints(1).size(); ++i) n *= static_cast<double>(outs[0].size(dims[i]));
  copy_scaled(a.tensor(0), outs[0], scale(a.integer(2), n));
  for (size_t i = 0; i < a.ints(1).size(); ++i) transform_lines(outs[0], dims[i], a.boolean(3), a.context().scratch.data());
  return {};
}

size_t R2c::scratch(const Args& a) { return longest(a); }
Error R2c::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  int dims[kMaxRank];
  PF_TRY(wrapped_dims(a, dims));
  if (x.dtype != DType::f32 && x.dtype != DType::f64)
    return Error::make(Code::bad_argument, "%s (expected f32 or f64)", TypeText(x).c_str());
  outs[0] = {complex_of(x.dtype), x.shape};
  const int last = dims[a.ints(1).size() - 1];
  if (x.size(last) < 1) return Error::make(Code::bad_argument, "nothing to transform along dim %d of %s", last, TypeText(x).c_str());
  if (a.boolean(3)) outs[0].shape.sizes[last] = x.size(last) / 2 + 1;
  return check(a, 0, false);
}
Error R2c::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &y = outs[0];
  int dims[kMaxRank];
  PF_TRY(wrapped_dims(a, dims));
  PF_TRY(check(a, scratch(a), false));
  const int count = static_cast<int>(a.ints(1).size()), last = dims[count - 1];
  double n = 1;
  for (int i = 0; i < count; ++i) n *= static_cast<double>(x.size(dims[i]));
  const double by = scale(a.integer(2), n);
  std::byte* memory = a.context().scratch.data();
  along(
      x, y, last, x.size(last), true, memory,
      [&](int64_t at, Complex* in) {
        load(x, at, x.strides[last], x.size(last), in);
        for (int64_t i = 0; i < x.size(last); ++i) in[i] *= by;
      },
      [&](int64_t at, const Complex* out) { store(y, at, y.strides[last], y.size(last), out); });
  for (int i = 0; i + 1 < count; ++i) transform_lines(y, dims[i], true, memory);
  return {};
}

// A copy of the frequencies, where more than one dimension is transformed.
size_t C2r::scratch(const Args& a) {
  const size_t copy = a.ints(1).size() > 1 ? static_cast<size_t>(a.tensor(0).numel()) * sizeof(Complex) : 0;
  return longest(a, a.integer(3)) + copy;
}
Error C2r::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  int dims[kMaxRank];
  PF_TRY(wrapped_dims(a, dims));
  PF_TRY(check(a, 0, true));
  const int last = dims[a.ints(1).size() - 1];
  const int64_t n = a.integer(3);
  if (n < 1 || x.size(last) < n / 2 + 1)
    return Error::make(Code::bad_argument, "%s at dim %d does not give %lld reals", TypeText(x).c_str(), last,
                       static_cast<long long>(n));
  outs[0] = {real_of(x.dtype), x.shape};
  outs[0].shape.sizes[last] = n;
  return {};
}
Error C2r::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& y = outs[0];
  TensorView x = a.tensor(0);
  int dims[kMaxRank];
  PF_TRY(wrapped_dims(a, dims));
  PF_TRY(check(a, scratch(a), true));
  const int count = static_cast<int>(a.ints(1).size()), last = dims[count - 1];
  const int64_t length = y.size(last), half = length / 2 + 1;
  std::byte* memory = a.context().scratch.data();
  if (count > 1) {
    TensorView copy = x;
    copy.data = memory + longest(a, length);
    copy.dtype = DType::c128;
    copy.set_contiguous();
    copy_scaled(x, copy, 1);
    for (int i = 0; i + 1 < count; ++i) transform_lines(copy, dims[i], false, memory);
    x = copy;
  }
  double n = 1;
  for (int i = 0; i < count; ++i) n *= static_cast<double>(y.size(dims[i]));
  const double by = scale(a.integer(2), n);
  along(
      x, y, last, length, false, memory,
      [&](int64_t at, Complex* in) {
        load(x, at, x.strides[last], half, in);
        for (int64_t i = 0; i < half; ++i) in[i] *= by;
        in[0].imag(0);  // what no real signal has
        if (length % 2 == 0) in[half - 1].imag(0);
        for (int64_t i = half; i < length; ++i) in[i] = std::conj(in[length - i]);
      },
      [&](int64_t at, const Complex* out) {
        for (int64_t i = 0; i < length; ++i) store_real(y, at + i * y.strides[last], out[i].real());
      });
  return {};
}

}  // namespace portfire::ops::fft
