// What aten::mm, bmm, addmm and linear compute, as one form:
//   C = alpha A B + beta S; S, where there is one, broadcasts. A [m, k], B [k, n], a batch of them or one.
#pragma once

#include "kernels/kernel.h"
#include "kernels/scratch.h"

namespace portfire::gemm {

struct Matrix {
  const TensorView* tensor = nullptr;
  int64_t item = 0, row = 0, column = 0;  // strides
  const std::byte* at(int64_t i, int64_t r, int64_t c) const {
    return tensor->as<std::byte>() + (i * item + r * row + c * column) * static_cast<int64_t>(byte_size(tensor->dtype));
  }
};

struct MatrixPlan {
  int64_t batch = 1, m = 1, n = 1, k = 1;
  Matrix a, b, self, c;
  Scalar alpha{Value::Kind::integer, 1, 0}, beta{Value::Kind::integer, 0, 0};
};

// A or B is a vector.
inline bool is_vector(const MatrixPlan& p) { return p.m == 1 || p.n == 1; }

// False where the operands are not of one dtype that has strips of its own, lie otherwise than a plan says, or nothing is to be summed.
bool plan_mm(const Operands& o, MatrixPlan* p);  // bmm too
bool plan_addmm(const Operands& o, MatrixPlan* p);
bool plan_linear(const Operands& o, MatrixPlan* p);
using MatrixPlanFn = bool (*)(const Operands&, MatrixPlan*);

// A kernel's `run`: plans anew, as views may have moved, and computes the product.
template <MatrixPlanFn plan, void (*product)(const MatrixPlan&, const Operands&, const KernelContext&)>
Error run_planned(const void*, const Operands& o, const KernelContext& context) {
  MatrixPlan p;
  if (!plan(o, &p)) return Error::make(Code::bad_argument, "a product of other arguments than planned");
  product(p, o, context);
  return {};
}

}  // namespace portfire::gemm
