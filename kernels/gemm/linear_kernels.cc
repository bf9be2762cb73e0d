// Kernels for matrix products: portfire::packed_linear, and products whose right side is only known at
// run time (aten::mm, bmm, linear), which pack it first.
#include <algorithm>
#include <cstring>

#include "kernels/copy/strided.h"
#include "kernels/gemm/bf16.h"
#include "kernels/gemm/blocks.h"
#include "kernels/gemm/gemm.h"
#include "kernels/kernel.h"
#include "kernels/scratch.h"

namespace portfire::gemm {
namespace {

// Rows of a matrix: the leading dimensions of `t` as one, where its strides allow.
bool as_rows(const TensorView& t, int64_t* rows, int64_t* stride) {
  const int last = t.rank() - 1;
  if (last < 0 || (t.size(last) != 1 && t.strides[last] != 1)) return false;
  *rows = 1;
  *stride = 0;
  for (int d = last - 1; d >= 0; --d) {
    if (t.size(d) == 1) continue;
    if (*rows == 1)
      *stride = t.strides[d];
    else if (t.strides[d] != *stride * *rows)
      return false;
    *rows *= t.size(d);
  }
  return true;
}

// --- portfire::packed_linear ---

struct LinearPlan {
  int64_t m, lda;
  bool copies;  // the rows of x have no one stride: they are copied
  bool bf16;    // weights
  Activation activation;
  size_t copy_bytes;  // of scratch
};

bool prepare_linear(const Operands& o, void* state, size_t* scratch) {
  auto* p = new (state) LinearPlan;
  const TensorView& x = o.in(0);
  int64_t rows, stride;
  if (x.rank() < 1 || !as_rows(o.out(0), &rows, &stride)) return false;
  p->copies = !as_rows(x, &p->m, &p->lda);
  if (p->copies) {
    p->lda = x.size(x.rank() - 1);
    p->m = rows;
  }
  p->copy_bytes = p->copies ? whole_lines(x.bytes()) : 0;
  p->bf16 = o.in(1).dtype == DType::bf16;
  *scratch = p->copy_bytes + (p->bf16 ? bf16_scratch_bytes(static_cast<size_t>(p->m)) * o.threads : 0);
  if (rows > 1 && stride != o.out(0).size(o.out(0).rank() - 1)) return false;
  if (const TensorView* r = o.optional(3); r && !r->is_contiguous()) return false;
  return parse_activation(o.args[5]->string, &p->activation) && p->activation != Activation::clamp;
}

Error run_linear(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const LinearPlan*>(state);
  const TensorView &x = o.in(0), &out = o.out(0);
  Gemm g{static_cast<size_t>(out.size(out.rank() - 1)), static_cast<size_t>(x.size(x.rank() - 1)), x.as<float>(), p.lda,
         p.bf16 ? nullptr : o.in(1).as<float>(), out.as<float>(), out.size(out.rank() - 1), {}};
  if (p.copies) g.a = copy::contiguous_copy(x, context.scratch.data(), context.pool).as<float>();
  if (const TensorView* b = o.optional(2)) g.epilogue.bias = b->as<float>();
  if (const TensorView* r = o.optional(3)) g.epilogue.residual = r->as<float>();
  g.epilogue.activation = p.activation;
  if (p.bf16)
    run_parallel(g, {o.in(1).as<uint16_t>(), context.scratch.data() + p.copy_bytes}, static_cast<size_t>(p.m), context.pool);
  else
    run_parallel(g, static_cast<size_t>(p.m), context.pool);
  return {};
}

// --- products packed at run time ---

struct ProductPlan {
  int64_t batch, m, n, k;
  int64_t lda;              // of the left side, where its rows have one stride
  int64_t b_row, b_column;  // of the side that is packed
  size_t packed;            // floats of scratch for it
  size_t left;              // and for the left side, where its rows are no runs: it is copied
  bool by_item;             // threads take products of their own, each with scratch
};

bool all_f32(const Operands& o, size_t first, size_t count) {
  for (size_t i = first; i < first + count; ++i)
    if (o.args[i]->kind == Value::Kind::tensor && o.in(i).dtype != DType::f32) return false;
  return o.out(0).dtype == DType::f32 && o.out(0).is_contiguous();
}

bool unit_rows(const TensorView& a) { return a.size(a.rank() - 1) == 1 || a.strides[a.rank() - 1] == 1; }

bool plan_product(const TensorView& a, const TensorView& b, size_t threads, void* state, size_t* scratch) {
  auto* p = new (state) ProductPlan;
  const int r = a.rank();
  p->batch = r == 3 ? a.size(0) : 1;
  p->m = a.size(r - 2);
  p->k = a.size(r - 1);
  p->n = b.size(r - 1);
  p->b_row = b.strides[r - 2];
  p->b_column = b.strides[r - 1];
  p->packed = packed_size(static_cast<size_t>(p->k), static_cast<size_t>(p->n));
  p->left = unit_rows(a) ? 0 : padded(p->m * p->k);
  p->by_item = p->batch >= static_cast<int64_t>(threads);
  *scratch = (p->packed + p->left) * sizeof(float) * (p->by_item ? threads : 1);
  return p->k > 0;
}

// Packing that is worth a thread: elements.
constexpr size_t kPackGrain = 1 << 14;

void pack_on(ThreadPool* pool, const float* b, int64_t row, int64_t column, size_t k, size_t n, float* packed) {
  const size_t panels = (n + kPanel - 1) / kPanel;
  if (!pool || k * n < 2 * kPackGrain) return pack(b, row, column, k, n, packed);
  const size_t tasks = std::min(panels, std::max<size_t>(1, k * n / kPackGrain));
  parallel(pool, tasks, [&](size_t t, size_t) {
    const size_t first = panels * t / tasks * kPanel, end = std::min(n, panels * (t + 1) / tasks * kPanel);
    pack(b + static_cast<int64_t>(first) * column, row, column, k, end - first, packed + first * k);
  });
}

// A matrix of m rows as rows that are runs.
void copy_rows(ThreadPool* pool, const float* from, int64_t row, int64_t column, int64_t m, int64_t k, float* to) {
  constexpr int64_t kRowsAtOnce = 64;
  const int64_t blocks = (m + kRowsAtOnce - 1) / kRowsAtOnce, tasks = std::clamp<int64_t>(m * k / static_cast<int64_t>(kPackGrain), 1, blocks);
  parallel(pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    const int64_t first = blocks * static_cast<int64_t>(t) / tasks * kRowsAtOnce, end = std::min(m, blocks * static_cast<int64_t>(t + 1) / tasks * kRowsAtOnce);
    if (row == 1) return copy::transpose(to + first * k, k, from + first, column, end - first, k, sizeof(float));
    for (int64_t r = first; r < end; ++r)
      for (int64_t c = 0; c < k; ++c) to[r * k + c] = from[r * row + c * column];
  });
}

void run_product(const ProductPlan& p, const TensorView& a, const TensorView& b, const TensorView& out, const KernelContext& context) {
  auto* const memory = reinterpret_cast<float*>(context.scratch.data());
  const bool batched = a.rank() == 3;
  const auto item = [&](int64_t i, float* packed, ThreadPool* pool) {
    pack_on(pool, b.as<float>() + (batched ? i * b.strides[0] : 0), p.b_row, p.b_column, static_cast<size_t>(p.k), static_cast<size_t>(p.n), packed);
    const float* left = a.as<float>() + (batched ? i * a.strides[0] : 0);
    int64_t lda = a.strides[a.rank() - 2];
    if (p.left > 0) {
      copy_rows(pool, left, lda, a.strides[a.rank() - 1], p.m, p.k, packed + p.packed);
      left = packed + p.packed;
      lda = p.k;
    }
    const Gemm g{static_cast<size_t>(p.n), static_cast<size_t>(p.k), left, lda, packed, out.as<float>() + i * p.m * p.n, p.n, {}};
    run_parallel(g, static_cast<size_t>(p.m), pool);
  };
  if (!p.by_item) {
    for (int64_t i = 0; i < p.batch; ++i) item(i, memory, context.pool);
    return;
  }
  if (p.batch == 1) return item(0, memory, context.pool);
  // Even shares, of so much work at least.
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1, work = p.m * p.n * p.k * p.batch;
  const int64_t tasks = std::clamp<int64_t>(work / static_cast<int64_t>(kLeast), 1, std::min(p.batch, 4 * threads));
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t worker) {
    for (int64_t i = p.batch * static_cast<int64_t>(t) / tasks; i < p.batch * static_cast<int64_t>(t + 1) / tasks; ++i)
      item(i, memory + worker * (p.packed + p.left), nullptr);
  });
}

bool prepare_mm(const Operands& o, void* state, size_t* scratch) {
  return all_f32(o, 0, 2) && plan_product(o.in(0), o.in(1), o.threads, state, scratch);
}
Error run_mm(const void* state, const Operands& o, const KernelContext& context) {
  run_product(*static_cast<const ProductPlan*>(state), o.in(0), o.in(1), o.out(0), context);
  return {};
}

// beta self + alpha mat1 mat2, where self broadcasts.
bool prepare_addmm(const Operands& o, void* state, size_t* scratch) {
  return all_f32(o, 0, 3) && o.in(0).rank() <= 2 && plan_product(o.in(1), o.in(2), o.threads, state, scratch);
}
Error run_addmm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const ProductPlan*>(state);
  const TensorView& self = o.in(0);
  run_product(p, o.in(1), o.in(2), o.out(0), context);
  const Args a(o.args);
  const auto beta = static_cast<float>(a.real(3)), alpha = static_cast<float>(a.real(4));
  const int last = self.rank() - 1;
  const int64_t column = last >= 0 && self.size(last) > 1 ? self.strides[last] : 0, row = last >= 1 && self.size(0) > 1 ? self.strides[0] : 0;
  float* to = o.out(0).as<float>();
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j, ++to)
      *to = alpha * *to + (beta == 0 ? 0 : beta * self.as<float>()[i * row + j * column]);
  return {};
}

// aten::linear(x, w [n, k], bias): the leading dimensions of x are rows, which are copied where they have no one stride.
bool prepare_linear_unpacked(const Operands& o, void* state, size_t* scratch) {
  const TensorView &x = o.in(0), &w = o.in(1);
  auto* p = new (state) ProductPlan();
  if (!all_f32(o, 0, 3) || w.rank() != 2 || x.rank() < 1 || w.size(1) == 0) return false;
  if (const TensorView* b = o.optional(2); b && (b->rank() != 1 || b->size(0) != w.size(0) || !b->is_contiguous())) return false;
  p->n = w.size(0);
  p->k = w.size(1);
  p->b_row = w.strides[1];
  p->b_column = w.strides[0];
  p->packed = packed_size(static_cast<size_t>(p->k), static_cast<size_t>(p->n));
  if (!as_rows(x, &p->m, &p->lda)) {
    p->m = x.numel() / p->k;
    p->lda = p->k;
    p->left = padded(x.numel());
  }
  *scratch = (p->packed + p->left) * sizeof(float);
  return true;
}
Error run_linear_unpacked(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const ProductPlan*>(state);
  const TensorView &x = o.in(0), &w = o.in(1);
  auto* packed = reinterpret_cast<float*>(context.scratch.data());
  pack_on(context.pool, w.as<float>(), p.b_row, p.b_column, static_cast<size_t>(p.k), static_cast<size_t>(p.n), packed);
  Gemm g{static_cast<size_t>(p.n), static_cast<size_t>(p.k), x.as<float>(), p.lda, packed, o.out(0).as<float>(), p.n, {}};
  if (p.left > 0) g.a = copy::contiguous_copy(x, packed + p.packed, context.pool).as<float>();
  if (const TensorView* b = o.optional(2)) g.epilogue.bias = b->as<float>();
  run_parallel(g, static_cast<size_t>(p.m), context.pool);
  return {};
}

}  // namespace

extern const Kernel kPackedLinear, kLinear, kMm, kAddmm, kBmm;
const Kernel kPackedLinear = {"portfire::packed_linear", sizeof(LinearPlan), prepare_linear, run_linear};
const Kernel kLinear = {"aten::linear", sizeof(ProductPlan), prepare_linear_unpacked, run_linear_unpacked};
const Kernel kMm = {"aten::mm", sizeof(ProductPlan), prepare_mm, run_mm};
const Kernel kAddmm = {"aten::addmm", sizeof(ProductPlan), prepare_addmm, run_addmm};
const Kernel kBmm = {"aten::bmm", sizeof(ProductPlan), prepare_mm, run_mm};

}  // namespace portfire::gemm
