#include "kernels/kernel_case.h"

namespace portfire {
namespace {

constexpr int64_t kWidths[] = {1, 3, 15, 16, 17, 40, 129};

TEST(Norm, SoftmaxOfAnyWidth) {
  for (const int64_t n : kWidths) KernelCase("aten::_softmax").tensor({5, n}).number(-1).flag(false).expect_kernel_matches();
  KernelCase extreme("aten::_softmax");
  extreme.tensor({3, 20});
  float* x = extreme.last().as<float>();
  x[0] = 1e30f;
  x[20] = NAN;
  x[41] = -INFINITY;
  extreme.number(1).flag(false).expect_kernel_matches();
}

TEST(Norm, LayerAndRmsNorm) {
  for (const int64_t n : kWidths)
    for (const bool affine : {false, true}) {
      KernelCase layer("aten::layer_norm"), rms("aten::rms_norm");
      layer.tensor({2, 3, n}).ints({n});
      rms.tensor({2, 3, n}).ints({n});
      affine ? layer.tensor({n}).tensor({n}) : layer.none().none();
      affine ? rms.tensor({n}) : rms.none();
      layer.real(1e-5).flag(false).expect_kernel_matches();
      rms.real(1e-5).expect_kernel_matches();
    }
}

}  // namespace
}  // namespace portfire
