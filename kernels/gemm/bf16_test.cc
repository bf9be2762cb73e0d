#include "kernels/gemm/bf16.h"

#include <gtest/gtest.h>

#include "kernels/kernel_case.h"

namespace portfire::gemm {
namespace {

// Rows around the few that are decoded in registers, columns around panels of 16 and 32, odd and even and long sums.
TEST(Gemm, LinearWithWeightsInBf16) {
  for (const int64_t rows : {1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 40})
    for (const int64_t n : {1, 15, 16, 17, 33, 100, 300})
      for (const int64_t k : {1, 2, 17, 450}) {
        KernelCase c("portfire::packed_linear");
        c.tensor({rows, k}).rounded().tensor(DType::bf16, {(n + 15) / 16, (k + 1) / 2, 16, 2}).tensor({n}).tensor({rows, n});
        c.number(n).text("").expect_kernel_matches();
      }
}

TEST(Gemm, LinearInBf16WithEveryActivation) {
  for (const char* activation : {"", "relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh"})
    for (const int64_t rows : {1, 6, 30}) {
      KernelCase c("portfire::packed_linear");
      c.tensor({2, rows, 17}, {rows * 34, 34, 1}).rounded().tensor(DType::bf16, {3, 9, 16, 2}).none().none();
      c.number(37).text(activation).expect_kernel_matches();
    }
}

}  // namespace
}  // namespace portfire::gemm
