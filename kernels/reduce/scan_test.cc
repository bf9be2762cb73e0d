// Running sums, products and extremes against the references.
#include "kernels/kernel_case.h"

namespace portfire::reduce {
namespace {

const std::vector<std::vector<int64_t>> kShapes = {{1}, {7}, {2500}, {3, 70}, {70, 3}, {5, 300}, {300, 5}, {2, 1030}, {2, 9, 33}, {4, 1, 6}};

TEST(Scans, SumsAndProducts) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::i32, DType::u8, DType::i8, DType::boolean})
    for (const auto& shape : kShapes)
      for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded})
        for (int64_t dim = 0; dim < static_cast<int64_t>(shape.size()); ++dim) {
          const double tolerance = t == DType::f16 || t == DType::bf16 ? 0.008 : is_floating(t) ? 1e-6 : 0;
          KernelCase("aten::cumsum").tensor(t, shape, layout).number(dim).none().expect_kernel_matches(tolerance);
          if (t != DType::f16 && t != DType::f32) KernelCase("aten::cumprod").tensor(t, shape, layout).number(dim).none().expect_kernel_matches(tolerance);
        }
}

TEST(Scans, Extremes) {
  for (DType t : {DType::f32, DType::f64, DType::bf16, DType::i64, DType::i32, DType::u8, DType::i8, DType::boolean})
    for (const auto& shape : kShapes)
      for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded})
        for (int64_t dim = 0; dim < static_cast<int64_t>(shape.size()); ++dim)
          for (const char* op : {"aten::cummax", "aten::cummin"}) KernelCase(op).tensor(t, shape, layout).number(dim).expect_kernel_matches(0);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const char* op : {"aten::cummax", "aten::cummin"})
    for (const std::vector<double>& x : {std::vector<double>{1, nan, 3, nan, 2}, {nan, 1, 2, 3, nan}, {1, 1, 0, 0, 1}}) KernelCase(op).reals(DType::f32, {5}, x).number(0).expect_kernel_matches(0);
  // Blocks with a new extreme, equals, NaN and none of these; side by side too.
  std::mt19937 random(3);
  std::vector<double> x(6 * 400, 0.5);
  for (size_t i = 0; i < x.size(); i += 1 + random() % 60) x[i] = std::vector<double>{0.0, -0.0, 1, -1, 0.5, nan}[random() % (i < 1500 ? 5 : 6)];
  for (const char* op : {"aten::cummax", "aten::cummin"})
    for (DType t : {DType::f32, DType::f64, DType::bf16})
      for (int64_t rows : {1, 6, 400}) KernelCase(op).reals(t, {rows, 2400 / rows}, x).number(rows == 400 ? 0 : 1).expect_kernel_matches(0);
}

}  // namespace
}  // namespace portfire::reduce
