// The k first against the reference, in values and in which of equal elements are taken.
#include "kernels/kernel_case.h"

namespace portfire::index {
namespace {

TEST(Topk, EveryClass) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16, DType::i8, DType::u8, DType::boolean})
    for (bool largest : {false, true})
      for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded})
        for (int64_t n : {1, 9, 64, 250, 1025})
          for (int64_t k : {0, 1, 2, 10, 70, 250}) {
            if (k > n) continue;
            KernelCase("aten::topk").tensor(t, {4, n}, layout).number(k).number(1).flag(largest).flag(true).expect_kernel_matches(0);
            KernelCase("aten::topk").tensor(t, {2, n, 3}, layout).number(k).number(-2).flag(largest).flag(false).expect_kernel_matches(0);
          }
  EXPECT_FALSE(KernelCase("aten::topk").tensor(DType::f32, {}).number(1).number(0).flag(true).flag(true).taken());
}

TEST(Topk, WhatIsNoNumber) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  std::mt19937 random(2);
  std::vector<double> x(700);
  for (double& v : x) v = std::vector<double>{0.0, -0.0, 1, -1, inf, -inf, nan, -nan, 1e-40, -1e-40, 3e38}[random() % 11];
  for (DType t : {DType::f32, DType::f64})
    for (bool largest : {false, true})
      for (int64_t k : {1, 5, 50, 300, 700})
        KernelCase("aten::topk").reals(t, {700}, x).number(k).number(0).flag(largest).flag(true).expect_kernel_matches(0);
}

}  // namespace
}  // namespace portfire::index
