// Softmax and norms of f64 and half types against the references.
#include "kernels/kernel_case.h"

namespace portfire::wide_rows {
namespace {

double tolerance(DType t) { return t == DType::f64 ? 1e-12 : t == DType::f16 ? 2e-3 : 1e-2; }
const std::vector<std::vector<int64_t>> kShapes = {{1}, {7}, {3, 70}, {5, 1100}, {2, 3, 65}, {4, 300, 2}, {2, 17, 9, 3}};

TEST(WideRows, Softmax) {
  for (DType t : {DType::f64, DType::f16, DType::bf16})
    for (const auto& shape : kShapes)
      for (int64_t dim = 0; dim < static_cast<int64_t>(shape.size()); ++dim)
        for (const char* op : {"aten::_softmax", "aten::_log_softmax"}) KernelCase(op).tensor(t, shape).number(dim).flag(false).expect_kernel_matches(tolerance(t));
}

TEST(WideRows, SoftmaxOfWhatIsNotFinite) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (const std::vector<double>& x : {std::vector<double>{-inf, -inf, -inf, -inf}, {-inf, 0, 1, 2}, {inf, 0, 1, 2}, {nan, 0, 1, 2}, {1000, 0, -1000, 999}})
    for (const char* op : {"aten::_softmax", "aten::_log_softmax"})
      for (int64_t dim : {0, 1})
        KernelCase(op).reals(DType::f64, dim ? std::vector<int64_t>{1, 4} : std::vector<int64_t>{4, 1}, x).number(dim).flag(false).expect_kernel_matches(1e-12);
}

TEST(WideRows, Norms) {
  for (const auto& shape : kShapes)
    for (bool weighted : {false, true}) {
      KernelCase layer("aten::layer_norm");
      layer.tensor(DType::f64, shape).ints({shape.back()});
      weighted ? layer.tensor(DType::f64, {shape.back()}).tensor(DType::f64, {shape.back()}) : layer.none().none();
      layer.real(1e-5).flag(true).expect_kernel_matches(1e-11);
      KernelCase rms("aten::rms_norm");
      rms.tensor(DType::f64, shape).ints({shape.back()});
      weighted ? rms.tensor(DType::f64, {shape.back()}).none() : rms.none().real(1e-3);
      rms.expect_kernel_matches(1e-11);
    }
}

TEST(WideRows, GroupNorm) {
  for (DType t : {DType::f64, DType::f16, DType::bf16})
    for (bool weighted : {false, true})
      for (const auto& shape : {std::vector<int64_t>{2, 6, 5, 30}, {3, 4}, {1, 6, 1100}}) {
        KernelCase k("aten::native_group_norm");
        k.tensor(t, shape);
        weighted ? k.tensor(t, {shape[1]}).tensor(t, {shape[1]}) : k.none().none();
        int64_t area = 1;
        for (size_t d = 2; d < shape.size(); ++d) area *= shape[d];
        k.number(shape[0]).number(shape[1]).number(area).number(2).real(1e-5).expect_kernel_matches(tolerance(t));
      }
}

}  // namespace
}  // namespace portfire::wide_rows
