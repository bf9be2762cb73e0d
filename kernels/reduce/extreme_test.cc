// Extremes and where they stand first, against the references.
#include "kernels/kernel_case.h"

namespace portfire::reduce {
namespace {

const std::vector<std::vector<int64_t>> kShapes = {{1}, {7}, {64}, {2500}, {9000}, {3, 70}, {70, 3}, {5, 300}, {300, 5}, {2, 1030}, {130, 200}, {2, 9, 33}, {4, 1, 6}, {0, 3}, {40, 1100}};
const char* const kOps[] = {"aten::max.dim", "aten::min.dim", "aten::argmax", "aten::argmin"};

TEST(Extremes, EveryShape) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16, DType::i8, DType::u8, DType::boolean})
    for (const auto& shape : kShapes)
      for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded})
        for (int64_t dim = 0; dim < static_cast<int64_t>(shape.size()); ++dim)
          for (const char* op : kOps)
            if (shape[static_cast<size_t>(dim)] > 0) KernelCase(op).tensor(t, shape, layout).number(dim).flag(dim % 2).expect_kernel_matches(0);
}

TEST(Extremes, OfAll) {
  for (DType t : {DType::f32, DType::f64, DType::i64, DType::u8})
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {70}, {3, 4000}})
      for (const char* op : {"aten::argmax", "aten::argmin"})
        for (bool keepdim : {false, true}) KernelCase(op).tensor(t, shape).none().flag(keepdim).expect_kernel_matches(0);
}

TEST(Extremes, WhatIsNoNumber) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (size_t place : {0u, 5u, 63u, 64u, 69u, 139u})
    for (double other : {-1.0, inf, -inf}) {
      std::vector<double> x(140, other);
      x[place] = x[(place + 65) % 140] = nan;
      for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16})
        for (const char* op : kOps) {
          KernelCase(op).reals(t, {140}, x).number(0).flag(false).expect_kernel_matches(0);
          KernelCase(op).reals(t, {70, 2}, x).number(0).flag(false).expect_kernel_matches(0);
          KernelCase(op).reals(t, {2, 70}, x).number(0).flag(false).expect_kernel_matches(0);
        }
    }
}

}  // namespace
}  // namespace portfire::reduce
