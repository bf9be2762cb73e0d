// Gradients of weights against the reference.
#include "kernels/kernel_case.h"

namespace portfire::conv {
namespace {

using List = std::vector<int64_t>;

int64_t results(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) { return (size + 2 * padding - (kernel - 1) * dilation - 1) / stride + 1; }

TEST(ConvolutionWeight, StridesPaddingDilationAndGroups) {
  for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps})
    for (int64_t groups : {1, 2, 6})
      for (int64_t stride : {1, 2, 3})
        for (int64_t kernel : {1, 2, 3, 5})
          for (int64_t padding : {0, 1, 2})
            for (int64_t dilation : {1, 2})
              for (int64_t size : {3, 7, 10}) {
                if (size + 2 * padding < (kernel - 1) * dilation + 1) continue;
                const int64_t h = results(size, kernel, stride, padding, dilation), w = results(size + 1, kernel, stride, padding, dilation);
                KernelCase("portfire::convolution_backward_weight").tensor(DType::f32, {3, 6, size, size + 1}, layout).tensor(DType::f32, {3, 12, h, w}, layout)
                    .ints({kernel, kernel}).ints({stride, stride}).ints({padding, padding}).ints({dilation, dilation}).number(groups).expect_kernel_matches();
              }
}

// One to three dimensions, output channels around a panel, rows around a tile, depthwise.
TEST(ConvolutionWeight, Shapes) {
  for (int64_t outs : {1, 3, 4, 15, 32, 33, 70})
    for (size_t spatial : {1u, 2u, 3u}) {
      List x{2, 5}, d{2, outs}, kernel;
      for (size_t k = 0; k < spatial; ++k) {
        x.push_back(static_cast<int64_t>(9 + k));
        kernel.push_back(static_cast<int64_t>(3 - k % 2));
        d.push_back(x.back() - kernel.back() + 3);
      }
      KernelCase("portfire::convolution_backward_weight").tensor(x).tensor(d).ints(kernel).ints(List(spatial, 1)).ints(List(spatial, 1)).ints(List(spatial, 1)).number(1).expect_kernel_matches();
    }
  for (int64_t stride : {1, 2})
    KernelCase("portfire::convolution_backward_weight").tensor({2, 40, 13, 18}).tensor({2, 40, results(13, 3, stride, 1, 1), results(18, 3, stride, 1, 1)}).ints({3, 3}).ints({stride, stride})
        .ints({1, 1}).ints({1, 1}).number(40).expect_kernel_matches();
}

// Images in several parts; sums in blocks.
TEST(ConvolutionWeight, ManyPixels) {
  KernelCase("portfire::convolution_backward_weight").tensor({5, 33, 100, 101}).tensor({5, 20, 100, 101}).ints({3, 1}).ints({1, 1}).ints({1, 0}).ints({1, 1}).number(1).expect_kernel_matches();
  KernelCase("portfire::convolution_backward_weight").tensor({9, 32, 60, 61}).tensor({9, 32, 60, 61}).ints({3, 3}).ints({1, 1}).ints({1, 1}).ints({1, 1}).number(32).expect_kernel_matches();
}

}  // namespace
}  // namespace portfire::conv
