#include "kernels/kernel_case.h"

namespace portfire {
namespace {

// Multipliers that spread sums over int8.
void scale(KernelCase& c, int64_t n, double k) {
  c.tensor(DType::f32, {n});
  TensorView& m = c.last();
  for (int64_t i = 0; i < n; ++i) m.as<float>()[i] = static_cast<float>((0.01 + 0.002 * static_cast<double>(i % 7)) / std::sqrt(k + 1));
}

TEST(QuantKernels, LinearQs8) {
  for (int64_t k : {1, 7, 16, 31, 32, 33, 64, 129})
    for (int64_t n : {1, 3, 4, 9, 70})
      for (int64_t m : {1, 2, 5}) {
        KernelCase c("portfire::linear_qs8");
        c.tensor(DType::i8, {m, k}, m == 5 ? Layout::gaps : Layout::contiguous).tensor(DType::i8, {n, k});
        if (n % 2) c.tensor(DType::i32, {n});
        else c.none();
        scale(c, n, static_cast<double>(k));
        c.number(-3).number(7).number(-100).number(n == 9 ? 7 : 127).expect_kernel_matches(0);
      }
}

TEST(QuantKernels, LinearQd8) {
  for (int64_t k : {2, 31, 32, 64, 100})
    for (int64_t n : {1, 4, 6})
      for (int64_t m : {1, 3}) {
        KernelCase bytes("portfire::linear_qd8");
        bytes.tensor(DType::f32, {m, k}).tensor(DType::i8, {n, k}).none().tensor(DType::f32, {n}).expect_kernel_matches(1e-5);
        KernelCase halves("portfire::linear_qd8");
        halves.tensor(DType::f32, {2, m, k}).tensor(DType::u8, {n, (k + 1) / 2}).tensor(DType::f32, {n}).tensor(DType::bf16, {n, k % 32 ? 1 : k / 32}).expect_kernel_matches(1e-5);
      }
}

struct Conv {
  int64_t channels, filters, groups, kernel, stride, dilation;
  std::vector<int64_t> padding;
};

TEST(QuantKernels, Convolutions) {
  for (const Conv& v : std::vector<Conv>{{3, 8, 1, 3, 2, 1, {1, 1, 1, 1}}, {16, 5, 1, 1, 1, 1, {0, 0, 0, 0}}, {8, 8, 8, 3, 1, 1, {1, 1, 1, 1}},
                                        {4, 8, 2, 3, 1, 2, {2, 1, 2, 3}}, {5, 10, 5, 2, 1, 1, {0, 1, 1, 0}}, {33, 33, 33, 3, 2, 1, {0, 1, 0, 1}},
                                        // Filters of odd length, in panels and as they lie; panels of groups, the last columns of which are none.
                                        {9, 40, 1, 3, 1, 1, {2, 2, 2, 2}}, {9, 40, 1, 3, 2, 1, {0, 0, 0, 0}}, {34, 46, 2, 2, 1, 1, {1, 1, 1, 1}}}) {
    const std::vector<int64_t> x = {2, 7, 9, v.channels}, w = {v.filters, v.kernel, v.kernel, v.channels / v.groups};
    KernelCase c("portfire::conv2d_qs8");
    c.tensor(DType::i8, x).tensor(DType::i8, w).tensor(DType::i32, {v.filters});
    scale(c, v.filters, static_cast<double>(v.kernel * v.kernel * v.channels / v.groups));
    c.number(11).number(-5).number(-128).number(100).ints({v.kernel, v.kernel}).ints({v.stride, v.stride}).ints(v.padding).ints({v.dilation, v.dilation}).number(v.groups);
    c.expect_kernel_matches(0);
    KernelCase d("portfire::conv2d_qd8");
    d.tensor(DType::f32, x).tensor(DType::i8, w).tensor(DType::f32, {v.filters}).tensor(DType::f32, {v.filters});
    d.ints({v.kernel, v.kernel}).ints({v.stride, v.stride}).ints(v.padding).ints({v.dilation, v.dilation}).number(v.groups).expect_kernel_matches(1e-5);
  }
}

// The largest products that there are.
TEST(QuantKernels, ExtremeProducts) {
  for (const int64_t groups : {1, 40}) {
    KernelCase c("portfire::conv2d_qs8");
    c.reals(DType::i8, {1, 5, 5, 40}, std::vector<double>(1000, -128)).reals(DType::i8, {40, 3, 3, 40 / groups}, std::vector<double>(static_cast<size_t>(14400 / groups), -128));
    c.none().reals(DType::f32, {40}, std::vector<double>(40, groups == 1 ? 1e-5 : 4e-4));
    c.number(127).number(0).number(-128).number(127).ints({3, 3}).ints({1, 1}).ints({1, 1, 1, 1}).ints({1, 1}).number(groups).expect_kernel_matches(0);
  }
}

TEST(QuantKernels, ElementByElement) {
  for (int64_t n : {0, 1, 3, 4, 8, 15, 16, 17, 33, 70}) {
    KernelCase("portfire::quantize_qs8").tensor(DType::f32, {n}).real(0.02).number(9).expect_kernel_matches(0);
    KernelCase("portfire::dequantize_qs8").tensor(DType::i8, {n}).real(0.3).number(-9).expect_kernel_matches(0);
    for (const char* op : {"portfire::add_qs8", "portfire::mul_qs8"})
      KernelCase(op).tensor(DType::i8, {n}).tensor(DType::i8, {n}).real(0.1).number(3).real(op[10] == 'a' ? -0.07 : 0.07).number(-20).real(0.15).number(1).number(-90).number(90).expect_kernel_matches(0);
  }
  KernelCase odd("portfire::quantize_qs8");
  odd.reals(DType::f32, {6}, {NAN, INFINITY, -INFINITY, 0.01, 0.03, -0.05}).real(0.02).number(0).expect_kernel_matches(0);
}

}  // namespace
}  // namespace portfire
