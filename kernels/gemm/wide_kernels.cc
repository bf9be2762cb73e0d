// Matrix products of what linear_kernels.cc leaves: f64, integers, f16 and bf16 (widened to f32), and those with a
// vector, of f32 too, where packing would cost more than the product.
#include <algorithm>
#include <new>

#include "kernels/gemm/elements.h"
#include "kernels/gemm/matrix_plan.h"
#include "kernels/gemm/wide.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"
#include "ops/strips.h"

namespace portfire::gemm {
namespace {

using pointwise::kStrip;

constexpr int64_t kRowsAtOnce = 48, kColumnsAtOnce = 1024;
constexpr int64_t kVectorGrain = 1 << 16;

// --- matrices ---

template <class T>
int64_t packed_elements(const MatrixPlan& p) { return round_up(p.n, kWidth<T>) * p.k; }
template <class T>
int64_t columns_at_once(const MatrixPlan& p) { return std::min(kColumnsAtOnce, round_up(p.n, kWidth<T>)); }
template <class T>
int64_t thread_elements(const MatrixPlan& p) { return round_up(kRowsAtOnce * (p.k + columns_at_once<T>(p)), 16); }
bool by_item(const MatrixPlan& p, int64_t threads) { return p.batch >= threads; }
template <class T>
size_t matrix_scratch(const MatrixPlan& p, int64_t threads) {
  const int64_t packs = by_item(p, threads) ? threads : 1;
  return static_cast<size_t>(packs * round_up(packed_elements<T>(p), 16) + threads * thread_elements<T>(p)) * sizeof(T);
}

template <class T>
void pack_item(const MatrixPlan& p, int64_t item, T* packed) {
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
void run_rows(const MatrixPlan& p, int64_t item, int64_t first, int64_t rows, const T* packed, T* buffer) {
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
void run_matrices(const MatrixPlan& p, int64_t threads, const KernelContext& context) {
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

// y_j = sum_k v_k M_kj; where C is a column, A is M, transposed.
template <class T>
void run_vectors(const MatrixPlan& p, const KernelContext& context) {
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
          MatrixPlan turned = p;
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

template <MatrixPlanFn plan>
bool prepare(const Operands& o, void*, size_t* scratch) {
  MatrixPlan p;
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
void run_product(const MatrixPlan& p, const Operands& o, const KernelContext& context) {
  with_type(o.out(0).dtype, [&]<class T>(T) { is_vector(p) ? run_vectors<T>(p, context) : run_matrices<T>(p, static_cast<int64_t>(o.threads), context); });
}

}  // namespace

extern const Kernel kWideMm, kWideBmm, kWideAddmm, kWideLinear;
const Kernel kWideMm = {"aten::mm", 0, prepare<plan_mm>, run_planned<plan_mm, run_product>};
const Kernel kWideBmm = {"aten::bmm", 0, prepare<plan_mm>, run_planned<plan_mm, run_product>};
const Kernel kWideAddmm = {"aten::addmm", 0, prepare<plan_addmm>, run_planned<plan_addmm, run_product>};
const Kernel kWideLinear = {"aten::linear", 0, prepare<plan_linear>, run_planned<plan_linear, run_product>};

}  // namespace portfire::gemm
