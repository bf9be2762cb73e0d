// Fully connected layers on int8: portfire::linear_qs8, portfire::linear_qd8.
#include <algorithm>
#include <new>

#include "core/float16.h"
#include "kernels/copy/strided.h"
#include "kernels/kernel.h"
#include "kernels/quant/int8.h"
#include "kernels/quant/products.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"

namespace portfire::quant {
namespace {

constexpr int64_t kGrain = 1 << 17;  // products for a task at least

struct Plan {
  int64_t m, n, k, groups;  // groups: of a filter's scales
  size_t copy_bytes, row_bytes, shared_bytes, thread_bytes, scale_bytes;
  bool copies;
};

bool plan_rows(const Operands& o, Plan* p) {
  const TensorView &x = o.in(0), &w = o.in(1), &y = o.out(0);
  if (!w.is_contiguous() || !y.is_contiguous() || y.numel() == 0) return false;
  p->n = w.size(0);
  p->k = x.size(x.rank() - 1);
  p->m = y.numel() / p->n;
  p->copies = !x.is_contiguous();
  p->copy_bytes = p->copies ? whole_lines(x.bytes()) : 0;
  return true;
}

// [first, end) by fours, f(first of them, how many): the last may be fewer.
template <class F>
void for_columns(int64_t first, int64_t end, F f) {
  for (int64_t c = first; c < end; c += kColumns) f(c, std::min<int64_t>(kColumns, end - c));
}

// --- linear_qs8 ---

bool prepare_qs8(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  if (!plan_rows(o, p)) return false;
  p->row_bytes = whole_lines(static_cast<size_t>(p->k) * sizeof(int16_t));
  p->shared_bytes = 0;
  p->thread_bytes = kRows * (p->row_bytes + whole_lines(static_cast<size_t>(p->n) * sizeof(int32_t)));
  *scratch = p->copy_bytes + p->thread_bytes * o.threads;
  return true;
}

Error run_qs8(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const Functions& f = functions();
  const Products& m = products();
  const auto* x = static_cast<const int8_t*>(o.in(0).data);
  if (p.copies) x = static_cast<const int8_t*>(copy::contiguous_copy(o.in(0), context.scratch.data(), context.pool).data);
  const auto* w = o.in(1).as<int8_t>();
  const TensorView* bias = o.optional(2);
  const auto zero = static_cast<int32_t>(o.args[4]->integer);
  const ops::Requantization to{o.args[5]->integer, o.args[6]->integer, o.args[7]->integer};
  // Few rows are shared out by columns.
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t most = std::clamp<int64_t>(p.m * p.n * p.k / kGrain, 1, threads);
  const int64_t row_tasks = std::min<int64_t>(most, (p.m + kRows - 1) / static_cast<int64_t>(kRows));
  const int64_t column_tasks = row_tasks == most ? 1 : std::min<int64_t>(most / row_tasks, (p.n + 31) / 32);
  parallel(context.pool, static_cast<size_t>(row_tasks * column_tasks), [&](size_t task, size_t worker) {
    std::byte* own = context.scratch.data() + p.copy_bytes + worker * p.thread_bytes;
    int16_t* wide[kRows];
    for (size_t r = 0; r < kRows; ++r) wide[r] = reinterpret_cast<int16_t*>(own + r * p.row_bytes);
    auto* sums = reinterpret_cast<int32_t*>(own + kRows * p.row_bytes);
    const auto rt = static_cast<int64_t>(task) / column_tasks, ct = static_cast<int64_t>(task) % column_tasks;
    const int64_t first = p.n * ct / column_tasks, end = p.n * (ct + 1) / column_tasks, step = static_cast<int64_t>(whole_lines(static_cast<size_t>(p.n) * 4) / 4);
    for (int64_t r = p.m * rt / row_tasks, last = p.m * (rt + 1) / row_tasks; r < last; r += kRows) {
      const auto rows = static_cast<size_t>(std::min<int64_t>(kRows, last - r));
      for (size_t i = 0; i < rows; ++i) f.widen(x + (r + static_cast<int64_t>(i)) * p.k, static_cast<size_t>(p.k), zero, wide[i]);
      for_columns(first, end, [&](int64_t c, int64_t count) {
        const int8_t* b[kColumns];
        for (int64_t j = 0; j < static_cast<int64_t>(kColumns); ++j) b[j] = w + (c + std::min(j, count - 1)) * p.k;
        int32_t tile[kRows * kColumns];
        m.dots(wide, rows, b, static_cast<size_t>(p.k), tile);
        for (size_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < count; ++j) sums[static_cast<int64_t>(i) * step + c + j] = tile[i * kColumns + static_cast<size_t>(j)];
      });
      for (size_t i = 0; i < rows; ++i)
        f.requantize(sums + static_cast<int64_t>(i) * step + first, bias ? bias->as<int32_t>() + first : nullptr, o.in(3).as<float>() + first,
                     static_cast<size_t>(end - first), to, o.out(0).as<int8_t>() + (r + static_cast<int64_t>(i)) * p.n + first);
    }
  });
  return {};
}

// --- linear_qd8 ---

bool prepare_qd8(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) Plan;
  if (!plan_rows(o, p)) return false;
  p->row_bytes = whole_lines(static_cast<size_t>(p->k) * sizeof(int16_t));
  // All rows as integers, and their scales.
  p->shared_bytes = static_cast<size_t>(p->m) * p->row_bytes + whole_lines(static_cast<size_t>(p->m) * sizeof(float));
  const TensorView& scales = o.in(3);
  p->groups = scales.rank() == 2 ? scales.size(1) : 1;
  p->scale_bytes = whole_lines(kColumns * static_cast<size_t>(p->groups) * sizeof(float));
  p->thread_bytes = p->scale_bytes + (o.in(1).dtype == DType::u8 ? kColumns * whole_lines(static_cast<size_t>(p->k) + 1) : 0);
  *scratch = p->copy_bytes + p->shared_bytes + p->thread_bytes * o.threads;
  return true;
}

Error run_qd8(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const Functions& f = functions();
  const Products& m = products();
  const TensorView &w = o.in(1), *bias = o.optional(2), &scales = o.in(3);
  const auto* x = static_cast<const float*>(o.in(0).data);
  if (p.copies) x = static_cast<const float*>(copy::contiguous_copy(o.in(0), context.scratch.data(), context.pool).data);
  std::byte* rows = context.scratch.data() + p.copy_bytes;
  auto* row_scales = reinterpret_cast<float*>(rows + static_cast<size_t>(p.m) * p.row_bytes);
  const auto row = [&](int64_t r) { return reinterpret_cast<int16_t*>(rows + static_cast<size_t>(r) * p.row_bytes); };
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  const int64_t quantizers = std::clamp<int64_t>(p.m * p.k / kGrain, 1, threads);
  parallel(context.pool, static_cast<size_t>(quantizers), [&](size_t task, size_t) {
    const auto t = static_cast<int64_t>(task);
    for (int64_t r = p.m * t / quantizers; r < p.m * (t + 1) / quantizers; ++r) {
      float least = 0, most = 0;
      f.extent(x + r * p.k, static_cast<size_t>(p.k), &least, &most);
      const auto scale = ops::DynamicScale::of(least, most);
      f.quantize_wide(x + r * p.k, static_cast<size_t>(p.k), scale, row(r));
      row_scales[r] = scale.scale;
    }
  });
  const int64_t groups = p.groups, group = p.k / groups;
  const bool packed = w.dtype == DType::u8;
  const size_t column_bytes = whole_lines(static_cast<size_t>(p.k) + 1);
  const auto scale_of = [&](int64_t n, int64_t g) {
    return scales.dtype == DType::f32 ? scales.as<float>()[n * groups + g] : bf16_to_f32(scales.as<uint16_t>()[n * groups + g]);
  };
  const int64_t tiles = (p.n + static_cast<int64_t>(kColumns) - 1) / static_cast<int64_t>(kColumns);
  const int64_t tasks = std::min(std::clamp<int64_t>(p.m * p.n * p.k / kGrain, 1, threads), tiles);
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t task, size_t worker) {
    auto* column_scales = reinterpret_cast<float*>(rows + p.shared_bytes + worker * p.thread_bytes);
    auto* own = reinterpret_cast<int8_t*>(column_scales) + p.scale_bytes;
    const auto t = static_cast<int64_t>(task), four = static_cast<int64_t>(kColumns);
    for_columns(tiles * t / tasks * four, std::min(p.n, tiles * (t + 1) / tasks * four), [&](int64_t c, int64_t count) {
      const int8_t* b[kColumns];
      for (int64_t j = 0; j < four; ++j) {
        const int64_t n = c + std::min(j, count - 1);
        b[j] = packed ? own + static_cast<size_t>(j) * column_bytes : w.as<int8_t>() + n * p.k;
        if (packed) f.unpack(w.as<uint8_t>() + n * w.size(1), static_cast<size_t>(w.size(1)), own + static_cast<size_t>(j) * column_bytes);
      }
      for (int64_t g = 0; g < groups; ++g)
        for (int64_t j = 0; j < four; ++j) column_scales[g * four + j] = scale_of(c + std::min(j, count - 1), g);
      for (int64_t r = 0; r < p.m; r += kRows) {
        const auto count_rows = static_cast<size_t>(std::min<int64_t>(kRows, p.m - r));
        const int16_t* a[kRows];
        for (size_t i = 0; i < kRows; ++i) a[i] = row(r + static_cast<int64_t>(std::min(i, count_rows - 1)));
        float total[kRows * kColumns];
        m.grouped_dots(a, count_rows, b, static_cast<size_t>(groups), static_cast<size_t>(group), column_scales, total);
        for (size_t i = 0; i < count_rows; ++i)
          for (int64_t j = 0; j < count; ++j)
            o.out(0).as<float>()[(r + static_cast<int64_t>(i)) * p.n + c + j] =
                total[i * kColumns + static_cast<size_t>(j)] * row_scales[r + static_cast<int64_t>(i)] + (bias ? bias->as<float>()[c + j] : 0.0f);
      }
    });
  });
  return {};
}

}  // namespace

extern const Kernel kLinearQs8, kLinearQd8;
const Kernel kLinearQs8 = {"portfire::linear_qs8", sizeof(Plan), prepare_qs8, run_qs8};
const Kernel kLinearQd8 = {"portfire::linear_qd8", sizeof(Plan), prepare_qd8, run_qd8};

}  // namespace portfire::quant
