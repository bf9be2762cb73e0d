// Sorting by digits against the reference, which a stable sort determines wholly.
#include "kernels/kernel_case.h"

namespace portfire::index {
namespace {

TEST(Sort, EveryClass) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16, DType::i8, DType::u8, DType::boolean})
    for (bool descending : {false, true})
      for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded})
        for (int64_t n : {64, 250, 1025}) {
          KernelCase("aten::sort.stable").tensor(t, {2, n}, layout).flag(true).number(1).flag(descending).expect_kernel_matches(0);
          KernelCase("aten::sort.stable").tensor(t, {n, 3}, layout).flag(true).number(0).flag(descending).expect_kernel_matches(0);
        }
  EXPECT_FALSE(KernelCase("aten::sort").tensor(DType::f32, {9}).number(0).flag(false).taken());
}

TEST(Sort, WhatIsNoNumber) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  std::mt19937 random(2);
  std::vector<double> x(700);
  for (double& v : x) v = std::vector<double>{0.0, -0.0, 1, -1, inf, -inf, nan, -nan, 1e-40, -1e-40, 3e38}[random() % 11];
  for (DType t : {DType::f32, DType::f64})
    for (bool descending : {false, true}) KernelCase("aten::sort.stable").reals(t, {700}, x).flag(true).number(0).flag(descending).expect_kernel_matches(0);
}

// Of numbers from the whole range.
TEST(Sort, LargeIntegers) {
  KernelCase k("aten::sort.stable");
  k.tensor(DType::i64, {2000});
  std::mt19937_64 random(2);
  for (int64_t i = 0; i < 2000; ++i) ops::store_int(k.last(), i, static_cast<int64_t>(random()) & ~int64_t{0xfff});
  k.flag(true).number(0).flag(false).expect_kernel_matches(0);
}

}  // namespace
}  // namespace portfire::index
