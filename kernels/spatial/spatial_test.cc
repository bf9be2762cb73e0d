// Pooling and resampling against the references.
#include "kernels/kernel_case.h"

namespace portfire::spatial {
namespace {

double tolerance(DType t) { return t == DType::f64 ? 1e-12 : t == DType::f32 ? 2e-6 : t == DType::f16 ? 2e-3 : 1e-2; }
constexpr DType kFloats[] = {DType::f32, DType::f64, DType::f16, DType::bf16};
constexpr Layout kLayouts[] = {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded};
using List = std::vector<int64_t>;

struct Window {
  List sizes, kernel, stride, padding, dilation;
};
const Window kWindows[] = {
    {{2, 3, 7, 70}, {2, 2}, {}, {0, 0}, {1, 1}},        {{3, 9, 11}, {3, 3}, {2, 2}, {1, 1}, {1, 1}}, {{1, 2, 5, 33}, {1, 3}, {1, 1}, {0, 1}, {1, 2}},
    {{2, 3, 1, 40}, {1, 2}, {1, 2}, {0, 0}, {1, 1}},    {{2, 3, 8, 8}, {5, 4}, {3, 2}, {2, 1}, {1, 1}}, {{2, 1, 4, 1}, {2, 1}, {1, 1}, {1, 0}, {1, 1}},
    {{1, 2, 6, 7, 9}, {2, 3, 2}, {2, 1, 2}, {1, 1, 0}, {1, 1, 2}}, {{2, 2, 5, 5, 5}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
};

TEST(Pools, Windows) {
  for (DType t : kFloats)
    for (Layout layout : kLayouts)
      for (bool ceil : {false, true})
        for (const Window& w : kWindows) {
          const bool volume = w.kernel.size() == 3;
          KernelCase(volume ? "aten::max_pool3d" : "aten::max_pool2d").tensor(t, w.sizes, layout).ints(w.kernel).ints(w.stride).ints(w.padding).ints(w.dilation).flag(ceil)
              .expect_kernel_matches(0);
          KernelCase(volume ? "aten::max_pool3d_with_indices" : "aten::max_pool2d_with_indices").tensor(t, w.sizes, layout).ints(w.kernel).ints(w.stride).ints(w.padding)
              .ints(w.dilation).flag(ceil).expect_kernel_matches(0);
          for (bool include : {false, true}) {
            KernelCase(volume ? "aten::avg_pool3d" : "aten::avg_pool2d").tensor(t, w.sizes, layout).ints(w.kernel).ints(w.stride).ints(w.padding).flag(ceil).flag(include)
                .none().expect_kernel_matches(tolerance(t));
          }
          KernelCase(volume ? "aten::avg_pool3d" : "aten::avg_pool2d").tensor(t, w.sizes, layout).ints(w.kernel).ints(w.stride).ints(w.padding).flag(ceil).flag(true)
              .number(-3).expect_kernel_matches(tolerance(t));
        }
}

TEST(Pools, Adaptive) {
  for (DType t : kFloats)
    for (Layout layout : kLayouts) {
      for (const auto& [sizes, out] : {std::pair<List, List>{{2, 3, 7, 20}, {3, 7}}, {{3, 5, 5}, {5, 1}}, {{1, 2, 3, 4}, {5, 9}}}) {
        KernelCase("aten::_adaptive_avg_pool2d").tensor(t, sizes, layout).ints(out).expect_kernel_matches(tolerance(t));
        KernelCase("aten::adaptive_max_pool2d").tensor(t, sizes, layout).ints(out).expect_kernel_matches(0);
      }
      KernelCase("aten::_adaptive_avg_pool3d").tensor(t, {2, 3, 5, 6, 7}, layout).ints({2, 3, 4}).expect_kernel_matches(tolerance(t));
      KernelCase("aten::adaptive_max_pool3d").tensor(t, {2, 3, 5, 6, 7}, layout).ints({2, 3, 4}).expect_kernel_matches(0);
    }
}

TEST(Pools, GradientsOfMeans) {
  for (DType t : {DType::f32, DType::f64})
    for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps}) {
      for (int64_t kernel : {1, 2, 3})
        for (int64_t stride : {1, 2, 3})
          for (int64_t padding : {int64_t{0}, kernel / 2})
            for (bool include : {false, true}) {
              const auto out = [&](int64_t n) { return (n + 2 * padding - kernel) / stride + 1; };
              KernelCase("aten::avg_pool2d_backward").tensor(t, {2, 3, out(7), out(9)}, layout).tensor(t, {2, 3, 7, 9}).ints({kernel, kernel}).ints({stride, stride}).ints({padding, padding})
                  .flag(false).flag(include).none().expect_kernel_matches(tolerance(t));
              KernelCase("aten::avg_pool3d_backward").tensor(t, {3, out(4), out(5), out(6)}, layout).tensor(t, {3, 4, 5, 6}).ints({kernel}).ints({stride}).ints({padding}).flag(false).flag(include)
                  .number(3).expect_kernel_matches(tolerance(t));
            }
      for (const List& out : {List{3, 7}, {1, 1}, {9, 20}})
        KernelCase("aten::_adaptive_avg_pool2d_backward").tensor(t, {2, 3, out[0], out[1]}, layout).tensor(t, {2, 3, 7, 20}).expect_kernel_matches(tolerance(t));
      KernelCase("aten::_adaptive_avg_pool3d_backward").tensor(t, {2, 3, 2, 3, 4}, layout).tensor(t, {2, 3, 5, 6, 7}).expect_kernel_matches(tolerance(t));
    }
}

// Which place is taken among equals, and among NaN.
TEST(Pools, Ties) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> x(36);
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    for (double& v : x) v = random() % 5 == 0 && round % 2 ? nan : static_cast<double>(random() % 3);
    KernelCase("aten::max_pool2d_with_indices").reals(DType::f32, {1, 6, 6}, x).ints({3, 3}).ints({1, 1}).ints({1, 1}).ints({1, 1}).flag(false).expect_kernel_matches(0);
    KernelCase("aten::max_pool2d").reals(DType::f32, {1, 6, 6}, x).ints({3, 2}).ints({1, 1}).ints({1, 1}).ints({1, 1}).flag(false).expect_kernel_matches(0);
    KernelCase("aten::adaptive_max_pool2d").reals(DType::f64, {1, 6, 6}, x).ints({4, 4}).expect_kernel_matches(0);
  }
}

TEST(Resampling, Nearest) {
  for (DType t : {DType::f32, DType::f64, DType::bf16, DType::u8})
    for (Layout layout : kLayouts) {
      for (int64_t out : {1, 5, 9, 18, 40}) {
        for (const char* op : {"aten::upsample_nearest1d", "aten::_upsample_nearest_exact1d"}) KernelCase(op).tensor(t, {2, 3, 9}, layout).ints({out}).none().expect_kernel_matches(0);
        for (const char* op : {"aten::upsample_nearest2d", "aten::_upsample_nearest_exact2d"})
          KernelCase(op).tensor(t, {2, 3, 7, 9}, layout).ints({7, out}).none().none().expect_kernel_matches(0);
        for (const char* op : {"aten::upsample_nearest3d", "aten::_upsample_nearest_exact3d"})
          KernelCase(op).tensor(t, {2, 3, 4, 5, 9}, layout).ints({8, 3, out}).none().none().none().expect_kernel_matches(0);
      }
      KernelCase("aten::upsample_nearest2d").tensor(t, {2, 3, 7, 9}, layout).ints({14, 18}).real(2.0).real(1.9).expect_kernel_matches(0);
      for (const char* op : {"aten::upsample_nearest1d", "aten::_upsample_nearest_exact1d"})
        for (double scale : {1.6, 1.9, 2.0, 2.3}) KernelCase(op).tensor(t, {2, 3, 9}, layout).ints({18}).real(scale).expect_kernel_matches(0);
    }
}

TEST(Resampling, Weighted) {
  for (DType t : kFloats)
    for (Layout layout : kLayouts)
      for (bool aligned : {false, true})
        for (int64_t out : {1, 4, 9, 20}) {
          KernelCase("aten::upsample_linear1d").tensor(t, {2, 3, 9}, layout).ints({out}).flag(aligned).none().expect_kernel_matches(tolerance(t));
          for (const char* op : {"aten::upsample_bilinear2d", "aten::upsample_bicubic2d", "aten::_upsample_bilinear2d_aa", "aten::_upsample_bicubic2d_aa"})
            for (int64_t high : {3, 7, 13})
              KernelCase(op).tensor(t, {2, 3, 7, 9}, layout).ints({high, out}).flag(aligned).none().none().expect_kernel_matches(tolerance(t));
          KernelCase("aten::upsample_trilinear3d").tensor(t, {2, 3, 4, 5, 9}, layout).ints({6, 5, out}).flag(aligned).none().none().none().expect_kernel_matches(tolerance(t));
        }
  EXPECT_FALSE(KernelCase("aten::upsample_bilinear2d").tensor(DType::u8, {1, 1, 4, 4}).ints({8, 8}).flag(false).none().none().taken()) << "bytes are rounded in between";
}

TEST(GridSampler, ModesAndPaddings) {
  for (DType t : {DType::f32, DType::f64})
    for (Layout layout : kLayouts)
      for (int64_t mode : {0, 1, 2})
        for (int64_t padding : {0, 1, 2})
          for (bool aligned : {false, true}) {
            const double tolerance = t == DType::f64 ? 1e-12 : 4e-6;
            KernelCase("aten::grid_sampler_2d").tensor(t, {2, 3, 7, 9}, layout).tensor(t, {2, 10, 13, 2}, layout).number(mode).number(padding).flag(aligned).expect_kernel_matches(tolerance);
            if (mode < 2)
              KernelCase("aten::grid_sampler_3d").tensor(t, {2, 3, 4, 5, 6}, layout).tensor(t, {2, 3, 5, 7, 3}, layout).number(mode).number(padding).flag(aligned).expect_kernel_matches(tolerance);
          }
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (DType t : {DType::f32, DType::f64})
    for (int64_t mode : {0, 1, 2})
      for (int64_t padding : {0, 1, 2})
        KernelCase("aten::grid_sampler_2d").tensor(t, {1, 2, 4, 5}).reals(t, {1, 1, 4, 2}, {inf, 0, nan, 0, -inf, nan, 1e30, -1e30}).number(mode).number(padding).flag(false).expect_kernel_matches(1e-6);
}

// More points than are placed at once; few pixels; on the borders between them, where nearest takes the even one; and
// what lies outside must not be touched by a weight of 0: it may be infinite.
TEST(GridSampler, Places) {
  for (DType t : {DType::f32, DType::f64})
    for (int64_t mode : {0, 1})
      for (int64_t padding : {0, 1, 2})
        for (bool aligned : {false, true}) {
          KernelCase("aten::grid_sampler_2d").tensor(t, {2, 2, 20, 30}).tensor(t, {2, 19, 31, 2}).number(mode).number(padding).flag(aligned).expect_kernel_matches(t == DType::f64 ? 1e-12 : 4e-6);
          for (const auto& [h, w] : {std::pair<int64_t, int64_t>{1, 1}, {1, 5}, {4, 1}, {2, 8}}) {
            std::vector<double> places, x(static_cast<size_t>(h * w), 2.0);
            for (int i = -16; i <= 16; ++i) places.insert(places.end(), {i / 8.0, -i / 16.0});
            x[0] = std::numeric_limits<double>::infinity();
            for (const bool infinite : {false, true}) {
              KernelCase k("aten::grid_sampler_2d");
              infinite ? k.reals(t, {1, 1, h, w}, x) : k.tensor(t, {1, 1, h, w});
              k.reals(t, {1, 3, 11, 2}, places).number(mode).number(padding).flag(aligned).expect_kernel_matches(1e-6);
            }
          }
        }
}

TEST(Spatial, Fold) {
  struct Case {
    std::vector<int64_t> columns, size, kernel, dilation, padding, stride;
  };
  const Case cases[] = {{{2, 3 * 9, 5 * 7}, {5, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}, {{2 * 6, 3 * 4}, {6, 12}, {2, 3}, {1, 1}, {0, 1}, {2, 3}}, {{1, 4, 12}, {4, 6}, {2, 2}, {1, 2}, {0, 0}, {1, 1}},
                        {{1, 2, 1300}, {1, 2600}, {1, 2}, {1, 1}, {0, 0}, {1, 2}}, {{1, 9, 4}, {2, 2}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}, {{1, 9, 25}, {1, 1}, {3, 3}, {2, 2}, {4, 4}, {1, 1}}};
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16})
    for (const Case& c : cases)
      KernelCase("aten::col2im").tensor(t, c.columns).ints(c.size).ints(c.kernel).ints(c.dilation).ints(c.padding).ints(c.stride).expect_kernel_matches(t == DType::f32 ? 1e-6 : 0);
}

}  // namespace
}  // namespace portfire::spatial
