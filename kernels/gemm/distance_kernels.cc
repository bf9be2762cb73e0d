// aten::_cdist_forward and _pdist_forward of f32 and f64 for whole p up to 16 and infinity. Differences are taken,
// not |x|^2 + |y|^2 - 2 x y, which would lose near neighbours.
#include <algorithm>
#include <cmath>
#include <new>
#include <type_traits>

#include "kernels/gemm/distance.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"

namespace portfire::gemm {
namespace {

struct Plan {
  Norm norm;
  int power = 0;       // of Norm::power
  bool pairs;          // of one matrix, i < j
  int64_t batch = 1, n = 1, k = 1, m = 1;  // x [n, m], y [k, m]
};

constexpr int64_t kGrain = 1 << 16;  // differences for each thread at least

// Rows of x, panels of y.
template <class T>
int64_t scratch_elements(const Plan& p) { return round_up(p.n * p.m, 16) + (p.k + kDistances<T> - 1) / kDistances<T> * kDistances<T> * p.m; }

bool read_norm(double p, Plan* plan) {
  const bool whole = p >= 0 && p <= 16 && p == std::floor(p);
  plan->power = whole ? static_cast<int>(p) : 0;
  plan->norm = !whole ? Norm::most : p == 0 ? Norm::zero : p == 1 ? Norm::one : p == 2 ? Norm::two : Norm::power;
  return whole || (std::isinf(p) && p > 0);
}
bool is_wide(const Plan& p, DType t) { return t == DType::f64 || p.norm == Norm::power; }
size_t scratch_bytes(const Plan& p, DType t) {
  return is_wide(p, t) ? static_cast<size_t>(scratch_elements<double>(p)) * 8 : static_cast<size_t>(scratch_elements<float>(p)) * 4;
}
bool takes(DType t) { return t == DType::f32 || t == DType::f64; }
// Rows may be expanded ones: there can be more of them than memory.
bool fits(const Plan& p) { return p.m > 0 && static_cast<double>(p.n + p.k) * static_cast<double>(p.m) < 1e11; }

bool prepare_cdist(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  const TensorView &x = o.in(0), &y = o.in(1), &out = o.out(0);
  if (!takes(x.dtype) || y.dtype != x.dtype || out.dtype != x.dtype || !out.is_contiguous() || out.numel() == 0 || !read_norm(Args(o.args).real(2), p)) return false;
  const int r = out.rank() - 2;
  p->pairs = false;
  p->n = out.size(r);
  p->k = out.size(r + 1);
  p->m = x.size(x.rank() - 1);
  for (int d = 0; d < r; ++d) p->batch *= out.size(d);
  if (!fits(*p)) return false;
  *scratch = scratch_bytes(*p, x.dtype);
  return true;
}
bool prepare_pdist(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  const TensorView& x = o.in(0);
  if (!takes(x.dtype) || !o.out(0).is_contiguous() || o.out(0).numel() == 0 || !read_norm(Args(o.args).real(1), p)) return false;
  p->pairs = true;
  p->n = p->k = x.size(0);
  p->m = x.size(1);
  if (!fits(*p)) return false;
  *scratch = scratch_bytes(*p, x.dtype);
  return true;
}

// The offset of the matrix at batch index `n` of `out`; size 1 broadcasts.
int64_t matrix_offset(const TensorView& t, const TensorView& out, int64_t n) {
  int64_t offset = 0;
  for (int d = out.rank() - 3, from = t.rank() - 3; d >= 0; n /= out.size(d--), --from)
    if (from >= 0 && t.size(from) != 1) offset += n % out.size(d) * t.strides[from];
  return offset;
}

// Computed in T, stored as Stored.
template <class T, class Stored>
void run_as(const Plan& p, const Operands& o, const KernelContext& context) {
  const TensorView &x = o.in(0), &y = p.pairs ? o.in(0) : o.in(1), &out = o.out(0);
  constexpr int64_t kWide = kDistances<T>;
  T* const rows = reinterpret_cast<T*>(context.scratch.data());
  T* const panels = rows + round_up(p.n * p.m, 16);
  [[maybe_unused]] const auto load = pointwise::load_fn(x.dtype);
  const DistanceFn<T> tile = distance_fn<T>(p.norm);
  const int64_t blocks = (p.n + 3) / 4, threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t tasks = std::clamp<int64_t>(static_cast<int64_t>(static_cast<double>(p.n) * static_cast<double>(p.k) * static_cast<double>(p.m) / kGrain), 1, std::min(threads * 4, blocks));
  for (int64_t item = 0; item < p.batch; ++item) {
    const Stored *from = x.as<Stored>() + (p.pairs ? 0 : matrix_offset(x, out, item)), *other = y.as<Stored>() + (p.pairs ? 0 : matrix_offset(y, out, item));
    const int64_t xr = x.strides[x.rank() - 2], xc = x.strides[x.rank() - 1], yr = y.strides[y.rank() - 2], yc = y.strides[y.rank() - 1];
    for (int64_t i = 0; i < p.n; ++i) {
      if constexpr (std::is_same_v<T, Stored>) load(rows + i * p.m, from + i * xr, xc, static_cast<size_t>(p.m));
      else
        for (int64_t k = 0; k < p.m; ++k) rows[i * p.m + k] = from[i * xr + k * xc];
    }
    for (int64_t j = 0; j < (p.k + kWide - 1) / kWide * kWide; ++j) {
      T* to = panels + j / kWide * kWide * p.m + j % kWide;
      for (int64_t k = 0; k < p.m; ++k) to[k * kWide] = j < p.k ? static_cast<T>(other[j * yr + k * yc]) : T(0);
    }
    parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
      T found[4 * kWide];
      for (int64_t b = blocks * static_cast<int64_t>(t) / tasks; b < blocks * static_cast<int64_t>(t + 1) / tasks; ++b) {
        DistanceTile<T> call{{}, nullptr, p.m, found, p.power};
        const int64_t count = std::min<int64_t>(4, p.n - b * 4);
        for (int64_t i = 0; i < 4; ++i) call.rows[i] = rows + (b * 4 + std::min(i, count - 1)) * p.m;
        for (int64_t j = p.pairs ? b * 4 / kWide * kWide : 0; j < p.k; j += kWide) {
          call.panel = panels + j * p.m;
          tile(call);
          if (p.norm == Norm::power)
            for (T& sum : found) sum = std::pow(sum, T(1) / static_cast<T>(p.power));
          for (int64_t i = 0; i < count; ++i) {
            const int64_t row = b * 4 + i, low = p.pairs ? std::max(row + 1, j) : j, high = std::min(p.k, j + kWide);
            // Of pairs, those of the rows before: row n - 1 + n - 2 + ...
            Stored* to = out.as<Stored>() + (p.pairs ? row * (2 * p.n - row - 1) / 2 - row - 1 : (item * p.n + row) * p.k);
            for (int64_t c = low; c < high; ++c) to[c] = static_cast<Stored>(found[i * kWide + c - j]);
          }
        }
      }
    });
  }
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  if (o.in(0).dtype == DType::f64) run_as<double, double>(p, o, context);
  else if (is_wide(p, DType::f32)) run_as<double, float>(p, o, context);
  else run_as<float, float>(p, o, context);
  return {};
}

}  // namespace

extern const Kernel kCdist, kPdist;
const Kernel kCdist = {"aten::_cdist_forward", sizeof(Plan), prepare_cdist, run};
const Kernel kPdist = {"aten::_pdist_forward", sizeof(Plan), prepare_pdist, run};

}  // namespace portfire::gemm
