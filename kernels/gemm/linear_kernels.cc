// portfire::packed_linear.
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

}  // namespace

extern const Kernel kPackedLinear;
const Kernel kPackedLinear = {"portfire::packed_linear", sizeof(LinearPlan), prepare_linear, run_linear};

}  // namespace portfire::gemm
