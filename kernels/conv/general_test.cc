// Convolutions of other types than f32 against the reference.
#include "kernels/kernel_case.h"

namespace portfire::conv {
namespace {

using List = std::vector<int64_t>;

TEST(GeneralConvolution, EveryFloatingType) {
  for (DType t : {DType::f64, DType::f16, DType::bf16})
    for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps})
      for (int64_t groups : {1, 2})
        for (bool transposed : {false, true})
          for (bool biased : {false, true})
            for (size_t spatial : {1u, 2u, 3u}) {
              List x{2, 4}, w{transposed ? 4 : 6, transposed ? 6 / groups : 4 / groups};
              for (size_t d = 0; d < spatial; ++d) {
                x.push_back(static_cast<int64_t>(7 + d));
                w.push_back(static_cast<int64_t>(3 - d % 2));
              }
              KernelCase k("aten::convolution");
              k.tensor(t, x, layout).tensor(t, w);
              biased ? k.tensor(t, {6}) : k.none();
              k.ints(List(spatial, 2)).ints(List(spatial, 1)).ints(List(spatial, 1)).flag(transposed).ints(List(spatial, transposed)).number(groups);
              k.expect_kernel_matches(t == DType::f64 ? 1e-13 : t == DType::f16 ? 2e-3 : 1e-2);
            }
}

// Stride 1: no windows are packed.
TEST(ShiftedConvolution, EveryFloatingType) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16})
    for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps})
      for (int64_t groups : {1, 2, 4})
        for (int64_t dilation : {1, 2})
          for (bool biased : {false, true})
            for (size_t spatial : {1u, 2u, 3u}) {
              List x{2, 4}, w{12, 4 / groups};
              for (size_t d = 0; d < spatial; ++d) {
                x.push_back(static_cast<int64_t>(9 + d));
                w.push_back(static_cast<int64_t>(3 - d % 2));
              }
              KernelCase k("aten::convolution");
              k.tensor(t, x, layout).tensor(t, w);
              biased ? k.tensor(t, {12}) : k.none();
              k.ints(List(spatial, 1)).ints(List(spatial, 1)).ints(List(spatial, dilation)).flag(false).ints(List(spatial, 0)).number(groups);
              k.expect_kernel_matches(t == DType::f64 ? 1e-13 : t == DType::f32 ? 1e-5 : t == DType::f16 ? 2e-3 : 1e-2);
            }
}

// More positions than a task has, more rows than are taken at once, sums in two blocks.
TEST(ShiftedConvolution, ManyPixels) {
  for (DType t : {DType::f32, DType::f64})
    KernelCase("aten::convolution").tensor(t, {2, 33, 40, 41}).tensor(t, {53, 33, 3, 3}).tensor(t, {53}).ints({1, 1}).ints({2, 0}).ints({1, 1}).flag(false).ints({0, 0})
        .number(1).expect_kernel_matches(t == DType::f64 ? 1e-12 : 1e-5);
}

TEST(GeneralConvolution, ManyPixels) {
  KernelCase("aten::convolution").tensor(DType::f64, {1, 3, 20, 40}).tensor(DType::f64, {50, 3, 3, 3}).none().ints({1, 1}).ints({1, 1}).ints({1, 1}).flag(false).ints({0, 0})
      .number(1).expect_kernel_matches(1e-13);
}

// Strides and transposed ones, as lines: kernels smaller and larger than the stride, more padding than kernel, one pixel.
TEST(ShiftedConvolution, StridesAndTransposed) {
  for (bool transposed : {false, true})
    for (int64_t groups : {1, 3})
      for (int64_t stride : {1, 2, 3})
        for (int64_t kernel : {1, 2, 3, 5})
          for (int64_t padding : {0, 1, 2})
            for (int64_t dilation : {1, 2})
              for (int64_t size : {1, 4, 7, 10}) {
                const int64_t reach = (kernel - 1) * dilation + 1, extra = transposed && stride > 1 ? 1 : 0;
                const int64_t out = transposed ? (size - 1) * stride - 2 * padding + reach + extra : (size + 2 * padding - reach);
                if (out < (transposed ? 1 : 0)) continue;
                KernelCase k("aten::convolution");
                k.tensor({3, 6, size, size + 1}).tensor({6, transposed ? 9 / groups : 6 / groups, kernel, kernel});
                if (!transposed) k.none();
                else k.tensor({9 / groups * groups});
                k.ints({stride, stride}).ints({padding, padding}).ints({dilation, dilation}).flag(transposed).ints({extra, extra}).number(groups).expect_kernel_matches();
              }
}

TEST(ShiftedConvolution, DepthwiseAndLargeStrides) {
  for (bool transposed : {false, true})
    for (int64_t stride : {1, 2, 4}) {
      KernelCase("aten::convolution").tensor({2, 40, 13, 17}).tensor({40, 1, 3, 3}).tensor({40}).ints({stride, 1}).ints({1, 1}).ints({1, 1}).flag(transposed).ints({0, 0}).number(40)
          .expect_kernel_matches();
      KernelCase("aten::convolution").tensor({1, 3, 8, 8, 9}).tensor({transposed ? 3 : 5, transposed ? 5 : 3, 4, 2, 4}).none().ints({stride, stride, stride}).ints({1, 0, 1}).ints({1, 1, 1})
          .flag(transposed).ints({0, 0, 0}).number(1).expect_kernel_matches();
    }
}

}  // namespace
}  // namespace portfire::conv
