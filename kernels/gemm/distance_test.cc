// Distances against the references.
#include "kernels/kernel_case.h"

namespace portfire::gemm {
namespace {

constexpr double kNorms[] = {0, 1, 2, 3, 7, std::numeric_limits<double>::infinity()};

TEST(Distances, OfTwoMatrices) {
  for (DType t : {DType::f32, DType::f64})
    for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded})
      for (double p : kNorms)
        for (int64_t n : {1, 3, 4, 9})
          for (int64_t k : {1, 8, 16, 35})
            for (int64_t m : {1, 17})
              KernelCase("aten::_cdist_forward").tensor(t, {n, m}, layout).tensor(t, {k, m}, layout).real(p).none().expect_kernel_matches(t == DType::f64 ? 1e-14 : 1e-6);
  KernelCase("aten::_cdist_forward").tensor(DType::f32, {2, 1, 5, 7}).tensor(DType::f32, {3, 20, 7}).real(2).none().expect_kernel_matches(1e-6);
  EXPECT_FALSE(KernelCase("aten::_cdist_forward").tensor(DType::f32, {5, 7}).tensor(DType::f32, {5, 7}).real(2.5).none().taken());
  // Beyond what f32 could sum up.
  KernelCase("aten::_cdist_forward").reals(DType::f32, {2, 2}, {1e10, 0, 1e-20, 2e-20}).reals(DType::f32, {3, 2}, {0, 1, 1e-20, 1e-20, 0, 3e-20}).real(4).none().expect_kernel_matches(1e-6);
}

TEST(Distances, OfPairs) {
  for (DType t : {DType::f32, DType::f64})
    for (Layout layout : {Layout::contiguous, Layout::transposed})
      for (double p : kNorms)
        for (int64_t n : {2, 3, 17, 40}) KernelCase("aten::_pdist_forward").tensor(t, {n, 9}, layout).real(p).expect_kernel_matches(t == DType::f64 ? 1e-14 : 1e-6);
}

TEST(Distances, NanGoesThrough) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double p : kNorms)
    KernelCase("aten::_cdist_forward").reals(DType::f32, {2, 3}, {1, nan, 2, 1, 1, 1}).reals(DType::f32, {3, 3}, {1, 1, 1, 0, 9, nan, 3, 3, 3}).real(p).none().expect_kernel_matches(1e-6);
}

}  // namespace
}  // namespace portfire::gemm
