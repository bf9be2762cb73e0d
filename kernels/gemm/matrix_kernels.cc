// f32 products of matrices that are only known at run time: aten::mm, bmm, addmm and linear. (wide_kernels.cc has other
// numbers, and those with a vector.)
#include <new>

#include "kernels/copy/strided.h"
#include "kernels/gemm/blocked.h"
#include "kernels/gemm/blocks.h"
#include "kernels/kernel.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"

namespace portfire::gemm {
namespace {

struct Plan {
  int64_t batch, m, n, k;
  int64_t run, outer, row;  // of A: Left's
  int64_t column, b_row, b_column;
  size_t scratch;  // floats for a thread
  size_t copied;   // bytes of scratch before them, where A's rows lie in more runs: it is copied
};

bool all_f32(const Operands& o, size_t first, size_t count) {
  for (size_t i = first; i < first + count; ++i)
    if (o.args[i]->kind == Value::Kind::tensor && o.in(i).dtype != DType::f32) return false;
  return o.out(0).dtype == DType::f32 && o.out(0).is_contiguous();
}

// The leading dimensions of x as rows: runs of rows that lie `row` apart, each `outer` behind the one before.
bool plan_rows(const TensorView& x, Plan* p) {
  p->m = 1;
  p->run = INT64_MAX;
  p->row = p->outer = 0;
  for (int d = x.rank() - 2; d >= 0; --d) {
    const int64_t size = x.size(d), stride = x.strides[d];
    if (size == 1) continue;
    if (p->m == 1) {
      p->row = stride;
    } else if (p->run == INT64_MAX && stride != p->row * p->m) {
      p->run = p->m;
      p->outer = stride;
    } else if (p->run != INT64_MAX && stride != p->outer * (p->m / p->run)) {
      return false;
    }
    p->m *= size;
  }
  return true;
}

Left left_of(const Plan& p, const float* a) { return {a, p.row, p.column, p.run, p.outer}; }

// Sets what is left of `p`, with A's rows known.
void finish(Plan* p, size_t threads, size_t* scratch) {
  p->scratch = blocked_scratch(static_cast<size_t>(p->m), static_cast<size_t>(p->n), static_cast<size_t>(p->k), left_of(*p, nullptr));
  *scratch = p->copied + p->scratch * threads * sizeof(float);
}

// A [m, k], B [k, n], or a batch of them.
bool plan_product(const TensorView& a, const TensorView& b, size_t threads, void* state, size_t* scratch) {
  auto* p = new (state) Plan();
  const int r = a.rank();
  p->batch = r == 3 ? a.size(0) : 1;
  p->m = a.size(r - 2);
  p->k = a.size(r - 1);
  p->n = b.size(r - 1);
  p->run = INT64_MAX;
  p->row = a.strides[r - 2];
  p->column = a.strides[r - 1];
  p->b_row = b.strides[r - 2];
  p->b_column = b.strides[r - 1];
  if (p->k == 0) return false;
  finish(p, threads, scratch);
  return true;
}

Blocked product_of(const Plan& p, const float* a, const float* b, float* c, const Epilogue& e = {}) {
  return {static_cast<size_t>(p.m), static_cast<size_t>(p.n), static_cast<size_t>(p.k), left_of(p, a), {b, p.b_row, p.b_column}, c, p.n, e};
}

void run_product(const Plan& p, const TensorView& a, const TensorView& b, const TensorView& out, const KernelContext& context, const Epilogue& e = {}) {
  auto* const scratch = reinterpret_cast<float*>(context.scratch.data());
  const int64_t a_item = a.rank() == 3 ? a.strides[0] : 0, b_item = a.rank() == 3 ? b.strides[0] : 0;
  in_items(p.batch, p.m * p.n * p.k * p.batch, context.pool, [&](int64_t i, size_t worker, ThreadPool* pool) {
    run_parallel(product_of(p, a.as<float>() + i * a_item, b.as<float>() + i * b_item, out.as<float>() + i * p.m * p.n, e), scratch + worker * p.scratch, pool);
  });
}

bool prepare_mm(const Operands& o, void* state, size_t* scratch) {
  return all_f32(o, 0, 2) && plan_product(o.in(0), o.in(1), o.threads, state, scratch);
}
Error run_mm(const void* state, const Operands& o, const KernelContext& context) {
  run_product(*static_cast<const Plan*>(state), o.in(0), o.in(1), o.out(0), context);
  return {};
}

// beta self + alpha mat1 mat2, where self broadcasts.
bool prepare_addmm(const Operands& o, void* state, size_t* scratch) {
  return all_f32(o, 0, 3) && o.in(0).rank() <= 2 && plan_product(o.in(1), o.in(2), o.threads, state, scratch);
}
Error run_addmm(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const TensorView& self = o.in(0);
  const Args a(o.args);
  const auto beta = static_cast<float>(a.real(3)), alpha = static_cast<float>(a.real(4));
  const int last = self.rank() - 1;
  const int64_t column = last >= 0 && self.size(last) > 1 ? self.strides[last] : 0, row = last >= 1 && self.size(0) > 1 ? self.strides[0] : 0;
  Epilogue e;
  if (alpha == 1 && beta == 1 && row == 0 && column == 1) e.bias = self.as<float>();
  run_product(p, o.in(1), o.in(2), o.out(0), context, e);
  if (e.bias) return {};
  float* to = o.out(0).as<float>();
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j, ++to)
      *to = alpha * *to + (beta == 0 ? 0 : beta * self.as<float>()[i * row + j * column]);
  return {};
}

// aten::linear(x, w [n, k], bias).
bool prepare_linear(const Operands& o, void* state, size_t* scratch) {
  const TensorView &x = o.in(0), &w = o.in(1);
  auto* p = new (state) Plan();
  if (!all_f32(o, 0, 3) || w.rank() != 2 || x.rank() < 1 || w.size(1) == 0) return false;
  if (const TensorView* b = o.optional(2); b && (b->rank() != 1 || b->size(0) != w.size(0) || !b->is_contiguous())) return false;
  p->batch = 1;
  p->n = w.size(0);
  p->k = w.size(1);
  p->column = x.strides[x.rank() - 1];
  if (!plan_rows(x, p)) {
    p->m = x.numel() / p->k;
    p->run = INT64_MAX;
    p->row = p->k;
    p->column = 1;
    p->copied = whole_lines(x.bytes());
  }
  p->b_row = w.strides[1];
  p->b_column = w.strides[0];
  finish(p, o.threads, scratch);
  return true;
}
Error run_linear(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  Epilogue e;
  if (const TensorView* b = o.optional(2)) e.bias = b->as<float>();
  const TensorView x = p.copied > 0 ? copy::contiguous_copy(o.in(0), context.scratch.data(), context.pool) : o.in(0);
  auto* const scratch = reinterpret_cast<float*>(context.scratch.data() + p.copied);
  run_parallel(product_of(p, x.as<float>(), o.in(1).as<float>(), o.out(0).as<float>(), e), scratch, context.pool);
  return {};
}

}  // namespace

extern const Kernel kLinear, kMm, kAddmm, kBmm;
const Kernel kLinear = {"aten::linear", sizeof(Plan), prepare_linear, run_linear};
const Kernel kMm = {"aten::mm", sizeof(Plan), prepare_mm, run_mm};
const Kernel kAddmm = {"aten::addmm", sizeof(Plan), prepare_addmm, run_addmm};
const Kernel kBmm = {"aten::bmm", sizeof(Plan), prepare_mm, run_mm};

}  // namespace portfire::gemm
