// Softmax and norms against the references.
#include "kernels/compare_test.h"

namespace portfire::rows {
namespace {

using testing::Call;
using testing::Layout;

const Layout kLayouts[] = {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded};

double tolerance(DType t) { return t == DType::f32 ? 2e-6 : 0.008; }

TEST(Norm, SoftmaxOverEveryDimension) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1}, {40}, {3, 5}, {17, 33}, {2, 3, 600}, {2, 70, 1}, {3, 0}, {0, 3}, {4, 5, 6, 7}})
    for (Layout layout : kLayouts)
      for (int64_t dim = 0; dim < static_cast<int64_t>(shape.size()); ++dim)
        for (size_t threads : {1, 3})
          for (const char* op : {"aten::_softmax", "aten::_log_softmax"})
            Call(op).tensor(DType::f32, shape, layout).integer(dim).boolean(false).expect_same(1e-6, threads);
  for (DType t : {DType::f16, DType::bf16})
    for (const char* op : {"aten::_softmax", "aten::_log_softmax"})
      Call(op).tensor(t, {300, 257}).integer(-1).boolean(false).expect_same(tolerance(t), 3);
}

TEST(Norm, SoftmaxOfInfinities) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (const std::vector<double>& row : {std::vector<double>{-inf, 1, 2, -inf, 0, 1, 2, 3}, {nan, 1, 2, 3, 0, 1, 2, 3}, {inf, 1, 2, 3, 0, 1, 2, 3}})
    for (const char* op : {"aten::_softmax", "aten::_log_softmax"})
      for (int64_t dim : {0, 1}) {
        Call(op).reals(DType::f32, {8, 1}, row).integer(dim).boolean(false).expect_same(1e-6);
        Call(op).reals(DType::f32, {4, 2}, row).integer(dim).boolean(false).expect_same(1e-6);
      }
}

TEST(Norm, LayerAndRmsNorm) {
  for (DType t : {DType::f32, DType::f16, DType::bf16})
    for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps})
      for (int64_t n : {1, 7, 16, 33, 5000})
        for (size_t threads : {1, 3}) {
          Call("aten::layer_norm").tensor(t, {9, n}, layout).ints({n}).tensor(t, {n}).tensor(t, {n}).real(1e-5).boolean(true).expect_same(tolerance(t), threads);
          Call("aten::layer_norm").tensor(t, {3, 2, n}, layout).ints({2, n}).none().none().real(1e-5).boolean(true).expect_same(tolerance(t), threads);
          Call("aten::rms_norm").tensor(t, {9, n}, layout).ints({n}).tensor(t, {n}).real(1e-5).expect_same(tolerance(t), threads);
        }
}

TEST(Norm, GroupNorm) {
  for (Layout layout : kLayouts)
    for (size_t threads : {1, 3}) {
      Call("aten::native_group_norm").tensor(DType::f32, {2, 6, 5, 7}, layout).tensor(DType::f32, {6}).tensor(DType::f32, {6})
          .integer(2).integer(6).integer(35).integer(3).real(1e-5).expect_same(2e-6, threads);
      Call("aten::native_group_norm").tensor(DType::f32, {3, 4, 1000}, layout).none().none()
          .integer(3).integer(4).integer(1000).integer(1).real(1e-5).expect_same(2e-6, threads);
    }
}

}  // namespace
}  // namespace portfire::rows
