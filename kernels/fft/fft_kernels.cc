// aten::_fft_c2c, _fft_r2c (onesided) and _fft_c2r in the precision of their data: a pass over each dimension.
// Lines are transformed some at a time, side by side (lines.h). A long line, or one of few, is n1 times n2 of them:
// with j = j1 n2 + j2 and k = k1 + n1 k2,
//   X_k = sum_j2 w_n2^(j2 k2) w_n^(j2 k1) sum_j1 x_j w_n1^(j1 k1),   w_n = exp(-2 pi i / n)
// which is columns of length n1, a factor, and rows of length n2. Reals of even number are half as many complex
// numbers.
#include <algorithm>
#include <cmath>
#include <new>

#include "core/insertion_sort.h"
#include "kernels/fft/lines.h"
#include "kernels/kernel.h"
#include "kernels/reduce/walk.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"

namespace portfire::fft {
namespace {

enum class Kind : uint8_t { complex, from_real, to_real };

// A pass along one dimension; strides count T.
struct Pass {
  Kind kind = Kind::complex;
  bool forward = true;
  int64_t n = 1;       // reals of a line, else complex numbers
  int64_t length = 1;  // complex numbers that are transformed
  bool halved = false;  // two reals in each
  int64_t in_step = 1, out_step = 1;
  reduce::Dims lines;  // the last dimension is that whose lines are taken together
  int64_t n1 = 1;      // 1: a line is transformed at once

  int64_t rows() const { return lines.count() / lines.sizes[lines.rank - 1]; }
  int64_t row() const { return lines.sizes[lines.rank - 1]; }
  // Blocks of a buffer.
  int64_t blocks() const {
    if (n1 > 1) return std::max(Length(n1).inner, Length(length / n1).inner);
    return std::max(Length(length).inner, length + 1);
  }
};

constexpr int64_t kLongest = 8192, kLongestAtAll = 1 << 16, kFew = 4, kShort = 512;

int64_t divisor_near_root(int64_t n) {
  int64_t d = static_cast<int64_t>(std::sqrt(static_cast<double>(n)));
  while (d > 1 && (n % d || Length(d).chirp)) --d;
  return d;
}

// False where no kernel takes it.
bool plan(const TensorView& x, const TensorView& y, int dim, Kind kind, bool forward, Pass* p) {
  p->kind = kind;
  p->forward = forward;
  p->n = kind == Kind::to_real ? y.size(dim) : x.size(dim);
  if (p->n < 1 || x.numel() == 0 || y.numel() == 0) return false;
  if (kind == Kind::to_real ? x.size(dim) < p->n / 2 + 1 : y.size(dim) != (kind == Kind::complex ? p->n : p->n / 2 + 1)) return false;
  p->halved = kind != Kind::complex && p->n % 2 == 0;
  p->length = p->halved ? p->n / 2 : p->n;
  const int64_t in = is_complex(x.dtype) ? 2 : 1, out = is_complex(y.dtype) ? 2 : 1;
  p->in_step = x.strides[dim] * in;
  p->out_step = y.strides[dim] * out;
  int order[kMaxRank], dims = 0;
  for (int d = 0; d < x.rank(); ++d) {
    if (d != dim && x.size(d) != y.size(d)) return false;
    if (d != dim && x.size(d) != 1) order[dims++] = d;
  }
  insertion_sort(order, order + dims, [&](int a, int b) { return std::abs(x.strides[a]) > std::abs(x.strides[b]); });
  for (int k = 0; k < dims; ++k) p->lines.push(x.size(order[k]), x.strides[order[k]] * in, y.strides[order[k]] * out);
  if (p->lines.rank == 0) p->lines.push(1, 0, 0);
  const int last = p->lines.rank - 1;
  if (p->lines.sizes[last] < 16) {  // the longest goes last
    const int longest = static_cast<int>(std::max_element(p->lines.sizes, p->lines.sizes + last + 1) - p->lines.sizes);
    std::swap(p->lines.sizes[longest], p->lines.sizes[last]);
    std::swap(p->lines.in[longest], p->lines.in[last]);
    std::swap(p->lines.out[longest], p->lines.out[last]);
  }
  if (p->length > kLongest || (p->row() < kFew && p->length >= kShort)) p->n1 = divisor_near_root(p->length);
  if (p->n1 < 8) p->n1 = 1;
  return (p->n1 > 1 ? std::max(Length(p->n1).inner, Length(p->length / p->n1).inner) : Length(p->length).inner) <= kLongestAtAll;
}

size_t aligned(size_t bytes) { return (bytes + 63) & ~size_t{63}; }
template <class T>
size_t buffer_bytes(const Pass& p) {
  return static_cast<size_t>(p.blocks() * kBlock<T>) * sizeof(T);
}
// Tables, roots of a real transform, arrays of a long line, two buffers for each thread.
template <class T>
size_t scratch_bytes(const Pass& p, size_t threads) {
  const size_t line = aligned(static_cast<size_t>(p.length + 1) * 2 * sizeof(T));
  const size_t tables = p.n1 > 1 ? aligned(Length(p.n1).table_bytes<T>()) + aligned(Length(p.length / p.n1).table_bytes<T>()) + 2 * line
                                 : aligned(Length(p.length).table_bytes<T>());
  return tables + (p.halved ? line : 0) + 2 * threads * buffer_bytes<T>(p);
}

template <class T>
class Run {
 public:
  Run(const Pass& p, const T* x, T* y, T scale, size_t threads, const KernelContext& context)
      : p_(p), x_(x), y_(y), scale_(scale), pool_(context.pool), f_(functions<T>()), next_(context.scratch.data()),
        buffers_(take(2 * threads * buffer_bytes<T>(p))) {
    if (p.halved) fill_roots(roots_ = take(static_cast<size_t>(p.length + 1) * 2 * sizeof(T)), p.n, p.length + 1);
  }
  void run() { p_.n1 > 1 ? run_long() : run_groups(); }

 private:
  T* take(size_t bytes) {
    T* at = reinterpret_cast<T*>(next_);
    next_ += aligned(bytes);
    return at;
  }
  T* buffer(size_t worker, size_t which) const { return buffers_ + (2 * worker + which) * (buffer_bytes<T>(p_) / sizeof(T)); }
  Lines<T> lines_of(int64_t n) {
    const Length length(n);
    return Lines<T>(length, take(length.table_bytes<T>()), buffer(0, 0), buffer(0, 1));
  }
  bool exchanged() const { return !p_.forward; }
  // Of the lines as they are transformed: pairs of reals, reals, or complex numbers.
  Access access(int64_t line, int64_t step, bool real) const {
    return p_.halved && real ? Access{line, 2 * step, step} : Access{line, step, real ? 0 : 1};
  }

  void run_groups() {
    const Lines<T> transform = lines_of(p_.length);
    const int last = p_.lines.rank - 1;
    const int64_t row = p_.row(), groups = (row + kLines<T> - 1) / kLines<T>, half = p_.n / 2 + 1;
    reduce::Dims outer = p_.lines;
    outer.take(last);
    const Access in = access(p_.lines.in[last], p_.in_step, p_.kind == Kind::from_real);
    const Access out = access(p_.lines.out[last], p_.out_step, p_.kind == Kind::to_real);
    parallel(pool_, static_cast<size_t>(p_.rows() * groups), [&](size_t task, size_t worker) {
      const int64_t k = static_cast<int64_t>(task) / groups, first = static_cast<int64_t>(task) % groups * kLines<T>;
      const int64_t count = std::min(kLines<T>, row - first);
      T *a = buffer(worker, 0), *b = buffer(worker, 1);
      const int64_t given = p_.kind == Kind::to_real ? half : p_.length, wanted = p_.kind == Kind::from_real ? half : p_.length;
      gather(x_ + outer.in_offset(k) + first * in.line, in, count, given, a);
      if (scale_ != 1) f_.scale(a, given, scale_);
      if (p_.kind == Kind::to_real) make_hermitian(a, b);
      T* y = transform.run(a, b, exchanged());
      if (p_.kind == Kind::from_real && p_.halved) {
        T* other = y == a ? b : a;
        f_.unpack(y, other, roots_, p_.length);
        y = other;
      }
      scatter(y, out, count, wanted, y_ + outer.out_offset(k) + first * out.line);
    });
  }
  // From n / 2 + 1 frequencies of reals, in a, to what the inverse transform takes.
  void make_hermitian(T*& a, T*& b) const {
    const int64_t half = p_.n / 2 + 1;
    std::fill_n(a + kLines<T>, kLines<T>, T(0));  // what no real signal has
    if (p_.halved) {
      std::fill_n(a + (half - 1) * kBlock<T> + kLines<T>, kLines<T>, T(0));
      f_.pack(a, b, roots_, p_.length);
      return std::swap(a, b);
    }
    for (int64_t k = half; k < p_.n; ++k)
      for (int64_t l = 0; l < kLines<T>; ++l) {
        a[k * kBlock<T> + l] = a[(p_.n - k) * kBlock<T> + l];
        a[k * kBlock<T> + kLines<T> + l] = -a[(p_.n - k) * kBlock<T> + kLines<T> + l];
      }
  }

  void run_long() {
    const int64_t n1 = p_.n1, n2 = p_.length / n1;
    const Lines<T> columns = lines_of(n1), rows = lines_of(n2);
    const size_t line = static_cast<size_t>(p_.length + 1) * 2 * sizeof(T);
    T *between = take(line), *whole = take(line);
    const Access in = access(0, p_.in_step, p_.kind == Kind::from_real);
    for (int64_t k = 0; k < p_.lines.count(); ++k) {
      const T* x = x_ + p_.lines.in_offset(k);
      T* y = y_ + p_.lines.out_offset(k);
      Access at = in;
      if (p_.kind == Kind::to_real) {
        pack_line(x, whole);
        x = whole;
        at = {0, 2, 1};
      }
      each_group(n2, [&](int64_t first, int64_t count, T* a, T* b) {
        gather(x + first * at.step, {at.step, n2 * at.step, at.im}, count, n1, a);
        T* z = columns.run(a, b, exchanged());
        double base[2 * kLines<T>];
        for (int64_t l = 0; l < kLines<T>; ++l) fill_root(first + l, p_.length, base + 2 * l);
        f_.twist(z, base, n1, exchanged());
        scatter(z, {2, 2 * n2, 1}, count, n1, between + 2 * first);
      });
      each_group(n1, [&](int64_t first, int64_t count, T* a, T* b) {
        gather(between + 2 * first * n2, {2 * n2, 2, 1}, count, n2, a);
        scatter(rows.run(a, b, exchanged()), {2, 2 * n1, 1}, count, n2, whole + 2 * first);
      });
      put_line(whole, y);
    }
  }
  static void fill_root(int64_t j, int64_t n, double* to) {
    const double angle = 6.28318530717958647692 * static_cast<double>(j) / static_cast<double>(n);
    to[0] = std::cos(angle);
    to[1] = -std::sin(angle);
  }
  template <class F>
  void each_group(int64_t lines, F f) const {
    parallel(pool_, static_cast<size_t>((lines + kLines<T> - 1) / kLines<T>), [&](size_t task, size_t worker) {
      const int64_t first = static_cast<int64_t>(task) * kLines<T>;
      f(first, std::min(kLines<T>, lines - first), buffer(worker, 0), buffer(worker, 1));
    });
  }
  // As `unpack` and `pack` of stages.h, for one line.
  void put_line(const T* z, T* y) const {
    const int64_t m = p_.length;
    if (p_.kind == Kind::from_real && p_.halved) {
      for (int64_t k = 0; k <= m; ++k) {
        const T *a = z + 2 * (k == m ? 0 : k), *b = z + 2 * (k == 0 ? 0 : m - k), *w = roots_ + 2 * k;
        const T odd_r = (a[1] + b[1]) / 2, odd_i = (b[0] - a[0]) / 2;
        y[k * p_.out_step] = scale_ * ((a[0] + b[0]) / 2 + odd_r * w[0] - odd_i * w[1]);
        y[k * p_.out_step + 1] = scale_ * ((a[1] - b[1]) / 2 + odd_r * w[1] + odd_i * w[0]);
      }
      return;
    }
    const Access out = access(0, p_.out_step, p_.kind == Kind::to_real);
    for (int64_t k = 0; k < (p_.kind == Kind::from_real ? p_.n / 2 + 1 : m); ++k) {
      y[k * out.step] = scale_ * z[2 * k];
      if (out.im) y[k * out.step + out.im] = scale_ * z[2 * k + 1];
    }
  }
  void pack_line(const T* x, T* z) const {
    const int64_t m = p_.length, half = p_.n / 2 + 1;
    const auto imaginary = [&](int64_t k) { return k == 0 || 2 * k == p_.n ? T(0) : x[k * p_.in_step + 1]; };
    if (!p_.halved) {
      for (int64_t k = 0; k < p_.n; ++k) {
        const int64_t from = k < half ? k : p_.n - k;
        z[2 * k] = x[from * p_.in_step];
        z[2 * k + 1] = k < half ? imaginary(from) : -imaginary(from);
      }
      return;
    }
    for (int64_t k = 0; k < m; ++k) {
      const T ar = x[k * p_.in_step], ai = imaginary(k), br = x[(m - k) * p_.in_step], bi = imaginary(m - k);
      const T dr = ar - br, di = ai + bi, *w = roots_ + 2 * k;
      z[2 * k] = ar + br - (di * w[0] - dr * w[1]);
      z[2 * k + 1] = ai - bi + dr * w[0] + di * w[1];
    }
  }

  const Pass& p_;
  const T* x_;
  T* y_;
  T scale_;
  ThreadPool* pool_;
  Functions<T> f_;
  std::byte* next_;
  T *buffers_, *roots_ = nullptr;
};

// --- the operators ---

// The passes of a call, in order. `copy` holds frequencies between those of c2r: a contiguous tensor of x's shape.
struct Call {
  int count = 0;
  Pass passes[kMaxRank];
  bool copies = false;
  TensorView copy;
  double scale = 1;
};

bool plan_call(const Operands& o, Kind kind, Call* c) {
  const Args a(o.args);
  const TensorView &x = o.in(0), &y = o.out(0);
  const DType real = kind == Kind::to_real ? y.dtype : kind == Kind::from_real ? x.dtype : real_of(x.dtype);
  if ((real != DType::f32 && real != DType::f64) || (kind == Kind::from_real) == is_complex(x.dtype)) return false;
  bool mask[kMaxRank];
  c->count = static_cast<int>(a.ints(1).size());
  if (c->count == 0 || ops::dim_mask(a.ints(1), x.rank(), mask) || (kind == Kind::from_real && !a.boolean(3))) return false;
  c->copy = x;
  c->copy.set_contiguous();
  c->copies = kind == Kind::to_real && c->count > 1;
  double n = 1;
  for (int i = 0; i < c->count; ++i) {
    // The last dimension is the one that is real; it comes first where reals come in.
    const bool special = kind == Kind::from_real ? i == 0 : kind == Kind::to_real && i == c->count - 1;
    const int which = kind == Kind::from_real ? (i == 0 ? c->count - 1 : i - 1) : i;
    int dim;
    if (ops::wrap_dim(a.ints(1)[static_cast<size_t>(which)], x.rank(), &dim)) return false;
    const TensorView& from = i == 0 ? x : kind == Kind::to_real ? c->copy : y;
    const TensorView& to = kind == Kind::to_real && !special ? c->copy : y;
    const bool forward = kind == Kind::complex ? a.boolean(3) : kind == Kind::from_real;
    if (!plan(from, to, dim, special ? kind : Kind::complex, forward, &c->passes[i])) return false;
    n *= static_cast<double>(c->passes[i].n);
  }
  const int64_t normalization = a.integer(2);
  c->scale = normalization == 1 ? 1 / std::sqrt(n) : normalization == 2 ? 1 / n : 1;
  return true;
}

template <class T>
size_t call_bytes(const Call& c, size_t threads) {
  size_t most = 0;
  for (int i = 0; i < c.count; ++i) most = std::max(most, scratch_bytes<T>(c.passes[i], threads));
  return most + (c.copies ? aligned(static_cast<size_t>(c.copy.numel()) * 2 * sizeof(T)) : 0);
}

template <Kind kind>
bool prepare(const Operands& o, void*, size_t* scratch) {
  Call c;
  if (!plan_call(o, kind, &c)) return false;
  const bool single = kind == Kind::to_real ? o.out(0).dtype == DType::f32 : byte_size(o.in(0).dtype) == (kind == Kind::from_real ? 4 : 8);
  *scratch = single ? call_bytes<float>(c, o.threads) : call_bytes<double>(c, o.threads);
  return true;
}

template <class T>
void run_call(Call& c, const Operands& o, Kind kind, KernelContext context) {
  if (c.copies) {
    const size_t bytes = aligned(static_cast<size_t>(c.copy.numel()) * 2 * sizeof(T));
    c.copy.data = context.scratch.data();
    context.scratch = context.scratch.subspan(bytes);
  }
  const T* from = o.in(0).as<T>();
  for (int i = 0; i < c.count; ++i) {
    T* to = kind == Kind::to_real && i + 1 < c.count ? c.copy.as<T>() : o.out(0).as<T>();
    Run<T>(c.passes[i], from, to, static_cast<T>(i == 0 ? c.scale : 1), o.threads, context).run();
    from = to;
  }
}

template <Kind kind>
Error run(const void*, const Operands& o, const KernelContext& context) {
  Call c;
  if (!plan_call(o, kind, &c)) return Error::make(Code::bad_argument, "a transform of other arguments than planned");
  const bool single = kind == Kind::to_real ? o.out(0).dtype == DType::f32 : byte_size(o.in(0).dtype) == (kind == Kind::from_real ? 4 : 8);
  single ? run_call<float>(c, o, kind, context) : run_call<double>(c, o, kind, context);
  return {};
}

}  // namespace

extern const Kernel kC2c, kR2c, kC2r;
const Kernel kC2c = {"aten::_fft_c2c", 0, prepare<Kind::complex>, run<Kind::complex>};
const Kernel kR2c = {"aten::_fft_r2c", 0, prepare<Kind::from_real>, run<Kind::from_real>};
const Kernel kC2r = {"aten::_fft_c2r", 0, prepare<Kind::to_real>, run<Kind::to_real>};

}  // namespace portfire::fft
