// Arithmetic of complex tensors against the reference.
#include "kernels/kernel_case.h"

namespace portfire::pointwise {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

KernelCase& complex_tensor(KernelCase& k, DType t, const std::vector<int64_t>& sizes, Layout layout, bool hard) {
  k.tensor(t, sizes, layout);
  std::mt19937 random(5);
  const double parts[] = {0.0, -0.0, 1, -2, kInf, -kInf, kNan, 1e30, 1e-30, 3e38};
  std::uniform_real_distribution<double> uniform(-2, 2);
  TensorView& v = k.last();
  for (ops::Index at(v.shape); at.valid(); at.next())
    ops::store_complex(v, at.offset(v), hard ? std::complex<double>(parts[random() % 10], parts[random() % 10]) : std::complex<double>(uniform(random), uniform(random)));
  return k;
}

TEST(ComplexArithmetic, MatchesTheReference) {
  for (DType t : {DType::c64, DType::c128})
    for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded})
      for (bool hard : {false, true})
        for (const auto& [a, b] : {std::pair<std::vector<int64_t>, std::vector<int64_t>>{{}, {}}, {{7}, {7}}, {{30, 40}, {30, 40}}, {{30, 1}, {40}}, {{2, 3, 5}, {3, 1}}, {{600}, {1}}, {{1}, {600}}}) {
          for (const char* op : {"aten::mul.Tensor", "aten::add.Tensor", "aten::sub.Tensor"}) {
            KernelCase k(op);
            complex_tensor(k, t, a, layout, hard);
            complex_tensor(k, t, b, layout, hard);
            if (std::string_view(op) != "aten::mul.Tensor") k.number(1);
            // A part of a product may be a small difference of large ones.
            k.expect_kernel_matches(t == DType::c64 ? 1e-6 : std::string_view(op) == "aten::mul.Tensor" ? 1e-14 : 1e-15);
          }
          KernelCase k("aten::abs");
          complex_tensor(k, t, a, layout, hard).expect_kernel_matches(t == DType::c128 ? 1e-15 : 1e-6);
        }
}

}  // namespace
}  // namespace portfire::pointwise
