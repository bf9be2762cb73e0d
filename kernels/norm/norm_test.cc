// Softmax and norms against the references.
#include "kernels/kernel_case.h"

namespace portfire::rows {
namespace {


const Layout kLayouts[] = {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded};

constexpr int64_t kWidths[] = {1, 3, 15, 16, 17, 40, 129};

double tolerance(DType t) { return t == DType::f32 ? 2e-6 : 0.008; }

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

TEST(Norm, SoftmaxOverEveryDimension) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1}, {40}, {3, 5}, {17, 33}, {2, 3, 600}, {2, 70, 1}, {3, 0}, {0, 3}, {4, 5, 6, 7}})
    for (Layout layout : kLayouts)
      for (int64_t dim = 0; dim < static_cast<int64_t>(shape.size()); ++dim)
        for (const char* op : {"aten::_softmax", "aten::_log_softmax"})
          KernelCase(op).tensor(DType::f32, shape, layout).number(dim).flag(false).expect_kernel_matches(1e-6);
  for (DType t : {DType::f16, DType::bf16})
    for (const char* op : {"aten::_softmax", "aten::_log_softmax"})
      KernelCase(op).tensor(t, {300, 257}).number(-1).flag(false).expect_kernel_matches(tolerance(t));
}

TEST(Norm, SoftmaxOfInfinities) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (const std::vector<double>& row : {std::vector<double>{-inf, 1, 2, -inf, 0, 1, 2, 3}, {nan, 1, 2, 3, 0, 1, 2, 3}, {inf, 1, 2, 3, 0, 1, 2, 3}})
    for (const char* op : {"aten::_softmax", "aten::_log_softmax"})
      for (int64_t dim : {0, 1}) {
        KernelCase(op).reals(DType::f32, {8, 1}, row).number(dim).flag(false).expect_kernel_matches(1e-6);
        KernelCase(op).reals(DType::f32, {4, 2}, row).number(dim).flag(false).expect_kernel_matches(1e-6);
      }
}

TEST(Norm, LayerAndRmsNorm) {
  for (DType t : {DType::f32, DType::f16, DType::bf16})
    for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps})
      for (int64_t n : {1, 7, 16, 33, 5000}) {
        KernelCase("aten::layer_norm").tensor(t, {9, n}, layout).ints({n}).tensor(t, {n}).tensor(t, {n}).real(1e-5).flag(true).expect_kernel_matches(tolerance(t));
        KernelCase("aten::layer_norm").tensor(t, {3, 2, n}, layout).ints({2, n}).none().none().real(1e-5).flag(true).expect_kernel_matches(tolerance(t));
        KernelCase("aten::rms_norm").tensor(t, {9, n}, layout).ints({n}).tensor(t, {n}).real(1e-5).expect_kernel_matches(tolerance(t));
      }
}

TEST(Norm, NativeLayerNormAndItsGradient) {
  for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps})
    for (int64_t rows : {1, 2, 9, 700})
      for (int64_t n : {1, 7, 16, 33, 1000})
        for (bool weighted : {true, false}) {
          if (rows * n > 40000) continue;
          KernelCase forward("aten::native_layer_norm");
          forward.tensor(DType::f32, {rows, n}, layout).ints({n});
          weighted ? forward.tensor({n}).tensor({n}) : forward.none().none();
          forward.real(1e-5).expect_kernel_matches(2e-6);
          for (const std::vector<bool>& mask : {std::vector<bool>{true, true, true}, {true, false, false}, {false, true, true}}) {
            KernelCase k("aten::native_layer_norm_backward");
            k.tensor(DType::f32, {rows, n}, layout).tensor(DType::f32, {rows, n}, layout).ints({n}).tensor({rows, 1}).tensor({rows, 1});
            weighted ? k.tensor({n}).tensor({n}) : k.none().none();
            k.flags(mask).expect_kernel_matches();
          }
        }
}

TEST(Norm, GradientsOfSoftmax) {
  for (Layout layout : kLayouts)
    for (const char* op : {"aten::_softmax_backward_data", "aten::_log_softmax_backward_data"})
      for (int64_t n : kWidths) {
        KernelCase k(op);
        k.tensor(DType::f32, {5, n}, layout).tensor(DType::f32, {5, n}, layout);
        for (ops::Index at(k.last().shape); at.valid(); at.next()) {  // what a softmax or its logarithm may give
          float& y = k.last().as<float>()[at.offset(k.last())];
          y = op[6] == 's' ? std::fabs(y) / 4 : -std::fabs(y);
        }
        k.number(-1).number(static_cast<int64_t>(DType::f32)).expect_kernel_matches();
      }
}

TEST(Norm, GroupNorm) {
  for (Layout layout : kLayouts) {
    KernelCase("aten::native_group_norm").tensor(DType::f32, {2, 6, 5, 7}, layout).tensor(DType::f32, {6}).tensor(DType::f32, {6})
        .number(2).number(6).number(35).number(3).real(1e-5).expect_kernel_matches(2e-6);
    KernelCase("aten::native_group_norm").tensor(DType::f32, {3, 4, 1000}, layout).none().none()
        .number(3).number(4).number(1000).number(1).real(1e-5).expect_kernel_matches(2e-6);
  }
}

TEST(Norm, BatchNorm) {
  for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps})
    for (int64_t area : {1, 3, 7, 16, 33, 700})
      for (bool weighted : {true, false}) {
        KernelCase forward("portfire::batch_norm_train");
        forward.tensor(DType::f32, {3, 5, area}, layout);
        weighted ? forward.tensor({5}).tensor({5}) : forward.none().none();
        forward.real(1e-5).expect_kernel_matches(2e-6);
        KernelCase backward("portfire::batch_norm_backward");
        backward.tensor(DType::f32, {3, 5, area, 2}, layout).tensor(DType::f32, {3, 5, area, 2}, layout);
        weighted ? backward.tensor({5}) : backward.none();
        backward.tensor({5}).tensor({5});
        for (int64_t c = 0; c < 5; ++c) backward.last().as<float>()[c] = std::fabs(backward.last().as<float>()[c]);
        backward.real(1e-5).expect_kernel_matches();
      }
}

}  // namespace
}  // namespace portfire::rows
