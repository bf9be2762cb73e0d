#include "kernels/gemm/matrix_plan.h"

namespace portfire::gemm {
namespace {

bool plan_size(const MatrixPlan& p) {
  return p.k > 0 && p.m > 0 && p.n > 0 && p.batch > 0 && static_cast<double>(p.k) * static_cast<double>(p.n) < 1e12 && static_cast<double>(p.k) < 1e9;
}
Matrix matrix_of(const TensorView& t) {
  const int r = t.rank();
  return {&t, r == 3 ? t.strides[0] : 0, t.strides[r - 2], t.strides[r - 1]};
}
bool takes(DType t) {
  return !is_complex(t) && t != DType::boolean && t != DType::u16 && t != DType::u32 && t != DType::u64;  // none has strips of its own
}

bool plan_product(const TensorView& a, const TensorView& b, const TensorView& c, MatrixPlan* p) {
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

}  // namespace

bool plan_mm(const Operands& o, MatrixPlan* p) { return plan_product(o.in(0), o.in(1), o.out(0), p); }
bool plan_addmm(const Operands& o, MatrixPlan* p) {
  const Args a(o.args);
  if (!plan_product(o.in(1), o.in(2), o.out(0), p) || o.in(0).dtype != o.out(0).dtype || o.in(0).rank() > 2) return false;
  p->alpha = a.scalar(4);
  p->beta = a.scalar(3);
  if (p->beta.as_double() != 0) p->self = broadcast_matrix(o.in(0));
  return true;
}
// x [..., k], w [n, k]; the leading dimensions of x are rows.
bool plan_linear(const Operands& o, MatrixPlan* p) {
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

}  // namespace portfire::gemm
