// Convolutions of one tap against the reference.
#include "kernels/kernel_case.h"

namespace portfire::conv {
namespace {

using List = std::vector<int64_t>;

TEST(PointwiseConvolution, Shapes) {
  for (int64_t outs : {1, 7, 50})
    for (int64_t ins : {1, 6, 33})
      for (size_t spatial : {1u, 2u, 3u})
        for (bool transposed : {false, true})
          for (bool biased : {false, true}) {
            List x{3, ins}, w{transposed ? ins : outs, transposed ? outs : ins}, y{3, outs};
            for (size_t d = 0; d < spatial; ++d) {
              x.push_back(static_cast<int64_t>(5 + d));
              y.push_back(x.back());
              w.push_back(1);
            }
            KernelCase k("aten::convolution");
            k.tensor(x).tensor(w);
            biased ? k.tensor({outs}) : k.none();
            k.ints(List(spatial, 1)).ints(List(spatial, 0)).ints(List(spatial, 1)).flag(transposed).ints(List(spatial, 0)).number(1).expect_kernel_matches();
            KernelCase("portfire::convolution_backward_weight").tensor(x).tensor(y).ints(List(spatial, 1)).ints(List(spatial, 1)).ints(List(spatial, 0)).ints(List(spatial, 1)).number(1)
                .expect_kernel_matches();
          }
}

// A few channels of more; channels last and pixels with gaps are for others.
TEST(PointwiseConvolution, Layouts) {
  const auto convolution = [](const List& strides) {
    KernelCase("aten::convolution").tensor({2, 6, 4, 5}, strides).tensor({9, 6, 1, 1}).none().ints({1, 1}).ints({0, 0}).ints({1, 1}).flag(false).ints({0, 0}).number(1).expect_kernel_matches();
  };
  convolution({400, 40, 5, 1});
  convolution({120, 1, 30, 6});
  convolution({240, 40, 10, 2});
}

// Sums and pixels of several blocks.
TEST(PointwiseConvolution, ManyPixels) {
  KernelCase("aten::convolution").tensor({3, 250, 30, 41}).tensor({53, 250, 1, 1}).tensor({53}).ints({1, 1}).ints({0, 0}).ints({1, 1}).flag(false).ints({0, 0}).number(1).expect_kernel_matches(1e-5);
  KernelCase("portfire::convolution_backward_weight").tensor({5, 33, 100, 101}).tensor({5, 50, 100, 101}).ints({1, 1}).ints({1, 1}).ints({0, 0}).ints({1, 1}).number(1).expect_kernel_matches();
}

}  // namespace
}  // namespace portfire::conv
