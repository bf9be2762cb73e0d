// The transforms against the references.
#include "kernels/kernel_case.h"

namespace portfire::fft {
namespace {

// A complex tensor of random parts.
KernelCase& complex_tensor(KernelCase& k, DType t, std::vector<int64_t> sizes, Layout layout = Layout::contiguous) {
  k.tensor(t, std::move(sizes), layout);
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(-1, 1);
  TensorView& v = k.last();
  for (ops::Index at(v.shape); at.valid(); at.next()) ops::store_complex(v, at.offset(v), {uniform(random), uniform(random)});
  return k;
}

struct Sizes {
  std::vector<int64_t> sizes, dims;
};

void each_call(const Sizes& s, Layout layout) {
  for (bool wide : {false, true}) {
    const double tolerance = wide ? 1e-13 : 2e-6;
    const DType real = wide ? DType::f64 : DType::f32, complex = wide ? DType::c128 : DType::c64;
    for (bool forward : {true, false}) {
      KernelCase k("aten::_fft_c2c");
      complex_tensor(k, complex, s.sizes, layout).ints(s.dims).number(forward).flag(forward).expect_kernel_matches(tolerance);
    }
    KernelCase("aten::_fft_r2c").tensor(real, s.sizes, layout).ints(s.dims).number(2).flag(true).expect_kernel_matches(tolerance);
    std::vector<int64_t> half = s.sizes;
    const auto last = static_cast<size_t>(s.dims.back());
    half[last] = half[last] / 2 + 1;
    KernelCase k("aten::_fft_c2r");
    complex_tensor(k, complex, half, layout).ints(s.dims).number(1).number(s.sizes[last]).expect_kernel_matches(tolerance);
  }
}

// Lengths of every radix, mixed ones, and those that become convolutions.
TEST(Fft, Lengths) {
  for (int64_t n : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 25, 30, 31, 32, 37, 49, 60, 64, 74, 94, 97, 100, 128, 210})
    for (int64_t lines : {1, 3, 8, 16, 21}) each_call({{lines, n}, {1}}, Layout::contiguous);
}

TEST(Fft, Layouts) {
  for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps})
    for (const Sizes& s : {Sizes{{24}, {0}}, {{12, 20}, {0}}, {{20, 12}, {1}}, {{3, 17, 10}, {1}}, {{17, 10, 3}, {0}}, {{18, 10, 9}, {0, 2}}, {{6, 5, 4}, {2, 0, 1}},
                           {{2, 3, 2, 8}, {3}}, {{9, 40}, {0, 1}}})
      each_call(s, layout);
}

// Few lines, which become columns and rows.
TEST(Fft, LongLines) {
  for (int64_t n : {512, 1000, 1024, 1080, 2025, 2048, 4 * 31 * 37, 3 * 4096, 37 * 64})
    for (int64_t lines : {1, 3}) each_call({{lines, n}, {1}}, Layout::contiguous);
  each_call({{1100, 2}, {0}}, Layout::contiguous);
  each_call({{1100, 2}, {0}}, Layout::gaps);
  each_call({{20000}, {0}}, Layout::contiguous);
}

}  // namespace
}  // namespace portfire::fft
