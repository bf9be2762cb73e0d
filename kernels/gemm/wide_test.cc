// Products of every dtype, and with vectors, against the references.
#include "kernels/kernel_case.h"

namespace portfire::gemm {
namespace {

double tolerance(DType t) { return t == DType::f64 ? 1e-13 : t == DType::f32 ? 1e-5 : t == DType::f16 ? 2e-3 : t == DType::bf16 ? 1e-2 : 0; }

template <class F>
void each_dtype(F f) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16, DType::u8, DType::i8}) f(t);
}

TEST(WideProducts, Matrices) {
  each_dtype([](DType t) {
    if (t == DType::f32) return;
    for (Layout a : {Layout::contiguous, Layout::transposed, Layout::gaps})
      for (Layout b : {Layout::contiguous, Layout::transposed, Layout::expanded})
        for (int64_t m : {2, 7, 50})
          for (int64_t n : {2, 16, 33})
            for (int64_t k : {1, 260}) KernelCase("aten::mm").tensor(t, {m, k}, a).tensor(t, {k, n}, b).expect_kernel_matches(tolerance(t));
    KernelCase("aten::mm").tensor(t, {3, 20}).tensor(t, {20, 2100}).expect_kernel_matches(tolerance(t));
  });
}

TEST(WideProducts, Vectors) {
  each_dtype([](DType t) {
    for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded})
      for (int64_t n : {1, 3, 1030})
        for (int64_t k : {1, 17, 70}) {
          KernelCase("aten::mm").tensor(t, {1, k}, layout).tensor(t, {k, n}, layout).expect_kernel_matches(tolerance(t));
          KernelCase("aten::mm").tensor(t, {n, k}, layout).tensor(t, {k, 1}, layout).expect_kernel_matches(tolerance(t));
        }
    KernelCase("aten::mm").tensor(t, {1, 3000}).tensor(t, {3000, 1}).expect_kernel_matches(tolerance(t));
  });
}

TEST(WideProducts, BatchesAndSums) {
  each_dtype([](DType t) {
    if (t == DType::f32) return;
    KernelCase("aten::bmm").tensor(t, {5, 32, 33}).tensor(t, {5, 33, 64}).expect_kernel_matches(tolerance(t));
    for (int64_t batch : {1, 2, 7}) {
      KernelCase("aten::bmm").tensor(t, {batch, 20, 9}).tensor(t, {batch, 9, 17}, Layout::transposed).expect_kernel_matches(tolerance(t));
      KernelCase("aten::bmm").tensor(t, {batch, 1, 9}).tensor(t, {batch, 9, 17}).expect_kernel_matches(tolerance(t));
      KernelCase("aten::bmm").tensor(t, {batch, 13, 9}, Layout::gaps).tensor(t, {batch, 9, 1}).expect_kernel_matches(tolerance(t));
    }
    for (const std::vector<int64_t>& self : {std::vector<int64_t>{}, {17}, {1, 17}, {20, 1}, {20, 17}}) {
      KernelCase("aten::addmm").tensor(t, self).tensor(t, {20, 9}).tensor(t, {9, 17}).number(3).number(2).expect_kernel_matches(tolerance(t));
      KernelCase("aten::addmm").tensor(t, self).tensor(t, {20, 9}).tensor(t, {9, 17}).number(0).number(1).expect_kernel_matches(tolerance(t));
    }
    for (const std::vector<int64_t>& self : {std::vector<int64_t>{}, {1}, {20, 1}}) 
      KernelCase("aten::addmm").tensor(t, self).tensor(t, {20, 9}).tensor(t, {9, 1}).number(3).number(2).expect_kernel_matches(tolerance(t));
    KernelCase("aten::linear").tensor(t, {2, 10, 33}).tensor(t, {40, 33}).tensor(t, {40}).expect_kernel_matches(tolerance(t));
    KernelCase("aten::linear").tensor(t, {33}).tensor(t, {40, 33}, Layout::transposed).none().expect_kernel_matches(tolerance(t));
    KernelCase("aten::linear").tensor(t, {1, 33}).tensor(t, {40, 33}).tensor(t, {1}).expect_kernel_matches(tolerance(t));
  });
}

// Rows without one stride.
TEST(WideProducts, LinearOfTransposedRows) {
  for (int64_t n : {31, 40})
    for (int64_t rows : {1, 5}) {
      KernelCase k("portfire::packed_linear");
      k.tensor({rows, 3, 17}, {17, rows * 17, 1}).tensor({(n + 31) / 32, 17, 32}).tensor({n}).none().number(n).text("relu").expect_kernel_matches();
    }
  KernelCase k("portfire::packed_linear");
  k.tensor({3, 17}, {1, 3}).tensor({1, 17, 32}).none().none().number(9).text("").expect_kernel_matches();
}

}  // namespace
}  // namespace portfire::gemm
