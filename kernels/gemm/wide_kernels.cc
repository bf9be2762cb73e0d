// Matrix products of what linear_kernels.cc leaves: f64, integers, f16 and bf16 (widened to f32), and those with a
// vector, of f32 too, where packing would cost more than the product.
//   C = alpha A B + beta S; S, where there is one, broadcasts. A [m, k], B [k, n], a batch of them or one.
#include <algorithm>
#include <new>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/wide.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"
#include "ops/strips.h"

namespace portfire::gemm {
namespace {

using pointwise::kStrip;

struct Matrix {
  const TensorView* tensor = nullptr;
  int64_t item = 0, row = 0, column = 0;  // strides
  const std::byte* at(int64_t i, int64_t r, int64_t c) const {
    return tensor->as<std::byte>() + (i * item + r * row + c * column) * static_cast<int64_t>(byte_size(tensor->dtype));
  }
};

struct Plan {
  int64_t batch = 1, m = 1, n = 1, k = 1;
  Matrix a, b, self, c;
  Scalar alpha{Value::Kind::integer, 1, 0}, beta{Value::Kind::integer, 0, 0};
};

constexpr int64_t kRowsAtOnce = 48, kColumnsAtOnce = 1024;
constexpr int64_t kVectorGrain = 1 << 16;

template <class F>
auto with_type(DType t, F f) {
  switch (t) {
    case DType::f64: return f(double());
    case DType::i64: return f(int64_t());
    case DType::f32: case DType::f16: case DType::bf16: return f(float());
    default: return f(int32_t());
  }
}
template <class T>
constexpr DType kDtype = std::is_same_v<T, double> ? DType::f64 : std::is_same_v<T, float> ? DType::f32 : std::is_same_v<T, int64_t> ? DType::i64 : DType::i32;

// Elements of a matrix as T, some at a time; in place where they are that.
template <class T>
class Reader {
 public:
  explicit Reader(DType t) : bytes_(static_cast<int64_t>(byte_size(t))), direct_(t == kDtype<T>), load_(pointwise::load_fn(t)) {
    if (const pointwise::Class c = pointwise::class_of(t); c != pointwise::class_of(kDtype<T>)) convert_ = pointwise::convert_fn(c, kDtype<T>);
  }
  // n <= kStrip
  const T* get(const std::byte* at, int64_t stride, int64_t n) {
    if (direct_ && stride == 1) return reinterpret_cast<const T*>(at);
    load_(convert_ ? static_cast<void*>(loaded_) : values_, at, stride, static_cast<size_t>(n));
    if (convert_) convert_(values_, loaded_, static_cast<size_t>(n));
    return values_;
  }
  void copy(T* to, const std::byte* at, int64_t stride, int64_t n) {
    constexpr auto kMost = static_cast<int64_t>(kStrip);
    for (int64_t i = 0; i < n; i += kMost) std::copy_n(get(at + i * stride * bytes_, stride, std::min(kMost, n - i)), std::min(kMost, n - i), to + i);
  }

 private:
  int64_t bytes_;
  bool direct_;
  pointwise::LoadFn load_;
  pointwise::ConvertFn convert_ = nullptr;
  alignas(64) T values_[kStrip];
  alignas(64) std::byte loaded_[kStrip * 8];
};

// Finished sums of a row to C.
template <class T>
class Writer {
 public:
  explicit Writer(const Plan& p)
      : p_(p), self_(p.self.tensor ? p.self.tensor->dtype : kDtype<T>), alpha_(number(p.alpha)), beta_(number(p.beta)), store_(pointwise::store_fn(p.c.tensor->dtype)) {
    const DType t = p.c.tensor->dtype;
    if (pointwise::class_of(t) != pointwise::class_of(kDtype<T>)) convert_ = pointwise::convert_fn(pointwise::class_of(kDtype<T>), t);
  }
  void put(int64_t item, int64_t row, int64_t column, const T* sums, int64_t n) {
    for (int64_t done = 0; done < n;) {
      const int64_t count = std::min(static_cast<int64_t>(kStrip), n - done);
      const T* from = p_.self.tensor ? self_.get(p_.self.at(item, row, column + done), p_.self.column, count) : nullptr;
      for (int64_t i = 0; i < count; ++i) {
        const U sum = static_cast<U>(alpha_) * static_cast<U>(sums[done + i]);
        values_[i] = static_cast<T>(from ? sum + static_cast<U>(beta_) * static_cast<U>(from[i]) : sum);
      }
      const void* out = values_;
      if (convert_) {
        convert_(converted_, values_, static_cast<size_t>(count));
        out = converted_;
      }
      store_(const_cast<std::byte*>(p_.c.at(item, row, column + done)), out, p_.c.column, static_cast<size_t>(count));
      done += count;
    }
  }

 private:
  using U = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;
  static T number(const Scalar& s) { return std::is_integral_v<T> ? static_cast<T>(s.as_int()) : static_cast<T>(s.as_double()); }
  const Plan& p_;
  Reader<T> self_;
  T alpha_, beta_;
  pointwise::StoreFn store_;
  pointwise::ConvertFn convert_ = nullptr;
  alignas(64) T values_[kStrip];
  alignas(64) std::byte converted_[kStrip * 8];
};

// --- matrices ---

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
template <class T>
int64_t packed_elements(const Plan& p) { return round_up(p.n, kWidth<T>) * p.k; }
template <class T>
int64_t columns_at_once(const Plan& p) { return std::min(kColumnsAtOnce, round_up(p.n, kWidth<T>)); }
template <class T>
int64_t thread_elements(const Plan& p) { return round_up(kRowsAtOnce * (p.k + columns_at_once<T>(p)), 16); }
bool by_item(const Plan& p, int64_t threads) { return p.batch >= threads; }
template <class T>
size_t matrix_scratch(const Plan& p, int64_t threads) {
  const int64_t packs = by_item(p, threads) ? threads : 1;
  return static_cast<size_t>(packs * round_up(packed_elements<T>(p), 16) + threads * thread_elements<T>(p)) * sizeof(T);
}

template <class T>
void pack_item(const Plan& p, int64_t item, T* packed) {
  Reader<T> reader(p.b.tensor->dtype);
  constexpr int64_t kW = kWidth<T>, kMost = static_cast<int64_t>(kStrip);
  if (p.n % kW) std::fill_n(packed + p.n / kW * kW * p.k, kW * p.k, T(0));
  if (p.b.row == 1 && p.b.column != 1) {
    for (int64_t j = 0; j < p.n; ++j)
      for (int64_t k = 0; k < p.k; k += kMost) {
        const int64_t count = std::min(kMost, p.k - k);
        const T* from = reader.get(p.b.at(item, k, j), 1, count);
        T* to = packed + (j / kW * p.k + k) * kW + j % kW;
        for (int64_t i = 0; i < count; ++i) to[i * kW] = from[i];
      }
    return;
  }
  for (int64_t j = 0; j < p.n; j += kMost)
    for (int64_t k = 0; k < p.k; ++k) {
      const int64_t count = std::min(kMost, p.n - j);
      const T* from = reader.get(p.b.at(item, k, j), p.b.column, count);
      for (int64_t i = 0; i < count; i += kW) std::copy_n(from + i, std::min(kW, count - i), packed + ((j + i) * p.k + k * kW));
    }
}

template <class T>
void run_rows(const Plan& p, int64_t item, int64_t first, int64_t rows, const T* packed, T* buffer) {
  Reader<T> reader(p.a.tensor->dtype);
  Writer<T> writer(p);
  const T* a = reinterpret_cast<const T*>(p.a.at(item, first, 0));
  int64_t lda = p.a.row;
  if (p.a.tensor->dtype != kDtype<T> || (p.a.column != 1 && p.k > 1)) {
    for (int64_t i = 0; i < rows; ++i) reader.copy(buffer + i * p.k, p.a.at(item, first + i, 0), p.a.column, p.k);
    a = buffer;
    lda = p.k;
  }
  const int64_t wide = columns_at_once<T>(p);
  T* c = buffer + kRowsAtOnce * p.k;
  for (int64_t j = 0; j < p.n; j += wide) {
    const int64_t columns = std::min(wide, p.n - j);
    run_panels(a, lda, rows, p.k, packed + j * p.k, columns, c, wide);
    for (int64_t i = 0; i < rows; ++i) writer.put(item, first + i, j, c + i * wide, columns);
  }
}

template <class T>
void run_matrices(const Plan& p, int64_t threads, const KernelContext& context) {
  const int64_t packed = round_up(packed_elements<T>(p), 16), blocks = (p.m + kRowsAtOnce - 1) / kRowsAtOnce;
  T* const packs = reinterpret_cast<T*>(context.scratch.data());
  T* const buffers = packs + packed * (by_item(p, threads) ? threads : 1);
  const auto run_block = [&](int64_t item, int64_t block, const T* pack, size_t worker) {
    const int64_t first = block * kRowsAtOnce;
    run_rows<T>(p, item, first, std::min(kRowsAtOnce, p.m - first), pack, buffers + static_cast<int64_t>(worker) * thread_elements<T>(p));
  };
  if (by_item(p, threads))
    return parallel(context.pool, static_cast<size_t>(p.batch), [&](size_t item, size_t worker) {
      T* pack = packs + static_cast<int64_t>(worker) * packed;
      pack_item(p, static_cast<int64_t>(item), pack);
      for (int64_t b = 0; b < blocks; ++b) run_block(static_cast<int64_t>(item), b, pack, worker);
    });
  for (int64_t item = 0; item < p.batch; ++item) {
    pack_item(p, item, packs);
    parallel(context.pool, static_cast<size_t>(blocks), [&](size_t b, size_t worker) { run_block(item, static_cast<int64_t>(b), packs, worker); });
  }
}

// --- a matrix and a vector ---

bool is_vector(const Plan& p) { return p.m == 1 || p.n == 1; }

// y_j = sum_k v_k M_kj; where C is a column, A is M, transposed.
template <class T>
void run_vectors(const Plan& p, const KernelContext& context) {
  const bool column = p.n == 1;
  const Matrix &vector = column ? p.b : p.a, matrix = column ? Matrix{p.a.tensor, p.a.item, p.a.column, p.a.row} : p.b;
  const int64_t step = column ? p.b.row : p.a.column, outs = column ? p.m : p.n;
  constexpr int64_t kMost = static_cast<int64_t>(kStrip);
  const auto f = wide_functions<T>();
  T* const v = reinterpret_cast<T*>(context.scratch.data());
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(outs * p.k / kVectorGrain, 1, std::max<int64_t>(1, std::min(threads * 2, outs)));
  // Side by side, where elements next to each other belong to different sums.
  const bool along = matrix.row == 1 || matrix.column != 1 || p.k == 1;
  const bool once = outs == 1 && along;  // then v is read where it is
  for (int64_t item = 0; item < p.batch; ++item) {
    if (!once) Reader<T>(vector.tensor->dtype).copy(v, vector.at(item, 0, 0), step, p.k);
    parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
      Reader<T> reader(matrix.tensor->dtype), vectors(vector.tensor->dtype);
      Writer<T> writer(p);
      const int64_t end = outs * static_cast<int64_t>(t + 1) / tasks;
      T sums[kStrip];
      for (int64_t j = outs * static_cast<int64_t>(t) / tasks; j < end;) {
        const int64_t count = std::min(kMost, end - j);
        if (along) {
          for (int64_t i = 0; i < count; ++i) {
            using U = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
            U sum = 0;
            for (int64_t k = 0; k < p.k; k += kMost) {
              const int64_t n = std::min(kMost, p.k - k);
              const T* part = once ? vectors.get(column ? vector.at(item, k, 0) : vector.at(item, 0, k), step, n) : v + k;
              sum += static_cast<U>(f.dot(reader.get(matrix.at(item, k, j + i), matrix.row, n), part, n));
            }
            sums[i] = static_cast<T>(sum);
          }
        } else {
          std::fill_n(sums, count, T(0));
          for (int64_t k = 0; k < p.k; ++k) f.add_scaled(sums, v[k], reader.get(matrix.at(item, k, j), 1, count), count);
        }
        if (!column) {
          writer.put(item, 0, j, sums, count);
        } else if (p.c.row == 1 && (!p.self.tensor || p.self.row == 0)) {
          Plan turned = p;
          std::swap(turned.c.row, turned.c.column);
          std::swap(turned.self.row, turned.self.column);
          Writer<T>(turned).put(item, 0, j, sums, count);
        } else {
          for (int64_t i = 0; i < count; ++i) writer.put(item, j + i, 0, sums + i, 1);
        }
        j += count;
      }
    });
  }
}

// --- the operators ---

bool plan_size(const Plan& p) {
  return p.k > 0 && p.m > 0 && p.n > 0 && p.batch > 0 && static_cast<double>(p.k) * static_cast<double>(p.n) < 1e12 && static_cast<double>(p.k) < 1e9;
}
Matrix matrix_of(const TensorView& t) {
  const int r = t.rank();
  return {&t, r == 3 ? t.strides[0] : 0, t.strides[r - 2], t.strides[r - 1]};
}
bool takes(DType t) {
  return !is_complex(t) && t != DType::boolean && t != DType::u16 && t != DType::u32 && t != DType::u64;  // none has strips of its own
}

bool plan_product(const TensorView& a, const TensorView& b, const TensorView& c, Plan* p) {
  const int r = a.rank();
  if (!takes(a.dtype) || b.dtype != a.dtype || c.dtype != a.dtype || (r != 2 && r != 3) || b.rank() != r || c.rank() != r) return false;
  p->batch = r == 3 ? a.size(0) : 1;
  p->m = a.size(r - 2);
  p->k = a.size(r - 1);
  p->n = b.size(r - 1);
  p->a = matrix_of(a);
  p->b = matrix_of(b);
  p->c = matrix_of(c);
  return plan_size(*p);
}
// `t` broadcasts to C.
Matrix broadcast_matrix(const TensorView& t) {
  const int r = t.rank();
  return {&t, 0, r >= 2 && t.size(r - 2) != 1 ? t.strides[r - 2] : 0, r >= 1 && t.size(r - 1) != 1 ? t.strides[r - 1] : 0};
}

bool plan_mm(const Operands& o, Plan* p) { return plan_product(o.in(0), o.in(1), o.out(0), p); }
bool plan_addmm(const Operands& o, Plan* p) {
  const Args a(o.args);
  if (!plan_product(o.in(1), o.in(2), o.out(0), p) || o.in(0).dtype != o.out(0).dtype || o.in(0).rank() > 2) return false;
  p->alpha = a.scalar(4);
  p->beta = a.scalar(3);
  if (p->beta.as_double() != 0) p->self = broadcast_matrix(o.in(0));
  return true;
}
// x [..., k], w [n, k]; the leading dimensions of x are rows.
bool plan_linear(const Operands& o, Plan* p) {
  const TensorView &x = o.in(0), &w = o.in(1), &y = o.out(0);
  if (!takes(x.dtype) || w.dtype != x.dtype || w.rank() != 2 || x.rank() < 1 || !y.is_contiguous()) return false;
  if (x.rank() > 2 && !x.is_contiguous()) return false;
  p->k = w.size(1);
  p->n = w.size(0);
  for (int d = 0; d + 1 < x.rank(); ++d) p->m *= x.size(d);
  p->a = {&x, 0, x.rank() == 2 ? x.strides[0] : p->k, x.strides[x.rank() - 1]};
  p->b = {&w, 0, w.strides[1], w.strides[0]};
  p->c = {&y, 0, p->n, 1};
  if (const TensorView* b = o.optional(2)) {
    if (b->dtype != x.dtype || b->rank() > 1) return false;
    p->self = broadcast_matrix(*b);
    p->beta.i = 1;
  }
  return plan_size(*p);
}

using PlanFn = bool (*)(const Operands&, Plan*);
template <PlanFn plan>
bool prepare(const Operands& o, void*, size_t* scratch) {
  Plan p;
  if (!plan(o, &p)) return false;
  const DType t = o.out(0).dtype;
  if (is_vector(p))
    *scratch = with_type(t, [&]<class T>(T) { return static_cast<size_t>(p.k) * sizeof(T); });
  else if (t == DType::f32)
    return false;
  else
    *scratch = with_type(t, [&]<class T>(T) { return matrix_scratch<T>(p, static_cast<int64_t>(o.threads)); });
  return true;
}
template <PlanFn plan>
Error run_plan(const void*, const Operands& o, const KernelContext& context) {
  Plan p;
  if (!plan(o, &p)) return Error::make(Code::bad_argument, "a product of other arguments than planned");
  with_type(o.out(0).dtype, [&]<class T>(T) { is_vector(p) ? run_vectors<T>(p, context) : run_matrices<T>(p, static_cast<int64_t>(o.threads), context); });
  return {};
}

}  // namespace

extern const Kernel kWideMm, kWideBmm, kWideAddmm, kWideLinear;
const Kernel kWideMm = {"aten::mm", 0, prepare<plan_mm>, run_plan<plan_mm>};
const Kernel kWideBmm = {"aten::bmm", 0, prepare<plan_mm>, run_plan<plan_mm>};
const Kernel kWideAddmm = {"aten::addmm", 0, prepare<plan_addmm>, run_plan<plan_addmm>};
const Kernel kWideLinear = {"aten::linear", 0, prepare<plan_linear>, run_plan<plan_linear>};

}  // namespace portfire::gemm
