#include "kernels/kernel_case.h"

namespace portfire {
namespace {

struct Conv {
  int64_t ins, outs, size, kernel, stride, padding, dilation, groups;
};
// Odd channel counts around vector and panel widths, windows larger than the input, holes.
constexpr Conv kConvs[] = {{3, 32, 15, 3, 2, 1, 1, 1}, {16, 40, 9, 3, 1, 1, 1, 1},  {8, 33, 7, 1, 1, 0, 1, 1}, {20, 31, 7, 1, 2, 0, 1, 1},
                           {5, 12, 11, 5, 2, 2, 2, 1}, {1, 7, 3, 3, 1, 3, 1, 1},    {64, 64, 5, 3, 1, 1, 1, 1}, {12, 18, 8, 3, 1, 1, 1, 3},
                           {6, 6, 17, 3, 2, 1, 1, 6},  {3, 9, 20, 7, 3, 2, 1, 1}};

TEST(Convolution, AsItComesInOneToThreeDimensions) {
  for (const Conv& c : kConvs)
    for (size_t spatial = 1; spatial <= 3; ++spatial)
      for (const bool bias : {false, true}) {
        std::vector<int64_t> x{2, c.ins}, w{c.outs, c.ins / c.groups};
        for (size_t d = 0; d < spatial; ++d) {
          x.push_back(std::min<int64_t>(c.size, spatial == 3 ? 9 : 20) + static_cast<int64_t>(d));
          w.push_back(c.kernel);
        }
        KernelCase k("aten::convolution");
        k.tensor(x).tensor(w);
        bias ? k.tensor({c.outs}) : k.none();
        k.ints({c.stride}).ints({c.padding}).ints({c.dilation}).flag(false).ints({0}).number(c.groups);
        if (9 + 2 * c.padding >= c.dilation * (c.kernel - 1) + 1) k.expect_kernel_matches();
      }
}

TEST(Convolution, Transposed) {
  for (const Conv& c : kConvs) {
    KernelCase k("aten::convolution");
    k.tensor({2, c.ins, 6, 5}).tensor({c.ins, c.outs / c.groups, c.kernel, c.kernel}).tensor({c.outs});
    const int64_t extra = c.stride > 1 ? 1 : 0, padding = std::min<int64_t>(c.padding, 1);
    k.ints({c.stride}).ints({padding}).ints({c.dilation}).flag(true).ints({extra}).number(c.groups).expect_kernel_matches();
  }
}

TEST(Convolution, ChannelsLastAndPacked) {
  for (const Conv& c : kConvs) {
    if (c.groups != 1) continue;
    for (const char* activation : {"", "relu", "clamp", "silu"})
      for (const bool planar : {false, true}) {
        KernelCase k("portfire::packed_conv2d");
        const int64_t s = c.size, reach = c.dilation * (c.kernel - 1);
        planar ? k.tensor({2, s, s, c.ins}, {c.ins * s * s, s, 1, s * s}) : k.tensor({2, s, s, c.ins});
        k.tensor({(c.outs + 31) / 32, c.kernel * c.kernel * c.ins, 32}).tensor({c.outs});
        // Padding of the end alone, too.
        const int64_t before = c.padding * (planar ? 0 : 1), out = (s + before + c.padding - reach - 1) / c.stride + 1;
        *activation ? k.tensor({2, out, out, c.outs}) : k.none();
        k.number(c.outs).ints({c.kernel, c.kernel}).ints({c.stride, c.stride});
        k.ints({before, before, c.padding, c.padding}).ints({c.dilation, c.dilation}).text(activation).real(-0.25).real(0.5);
        k.expect_kernel_matches(4e-5);  // bounds make the largest value small beside the sums
      }
  }
}

TEST(Convolution, PackedInBf16) {
  for (const Conv& c : kConvs) {
    if (c.groups != 1) continue;
    for (const char* activation : {"", "relu", "clamp", "silu"}) {
      KernelCase k("portfire::packed_conv2d");
      const int64_t s = c.size, terms = c.kernel * c.kernel * c.ins, out = (s + 2 * c.padding - c.dilation * (c.kernel - 1) - 1) / c.stride + 1;
      k.tensor({2, s, s, c.ins}).rounded().tensor(DType::bf16, {(c.outs + 15) / 16, (terms + 1) / 2, 16, 2}).tensor({c.outs});
      *activation ? k.tensor({2, out, out, c.outs}) : k.none();
      k.number(c.outs).ints({c.kernel, c.kernel}).ints({c.stride, c.stride});
      k.ints({c.padding, c.padding, c.padding, c.padding}).ints({c.dilation, c.dilation}).text(activation).real(-9).real(20);
      k.expect_kernel_matches();
    }
  }
}

TEST(Convolution, Winograd) {
  struct Case {
    int64_t ins, outs, height, width;
  };
  for (const Case& c : {Case{1, 1, 3, 3}, {3, 33, 5, 9}, {16, 8, 8, 8}, {20, 40, 13, 6}, {40, 70, 30, 31}})
    for (const int64_t m : {2, 4})
      for (const char* activation : {"", "relu", "clamp"})
        for (const bool planar : {false, true}) {
          KernelCase k("portfire::winograd_conv2d");
          const int64_t pixels = c.height * c.width;
          planar ? k.tensor({2, c.height, c.width, c.ins}, {c.ins * pixels, c.width, 1, pixels}) : k.tensor({2, c.height, c.width, c.ins});
          k.tensor({(m + 2) * (m + 2), (c.outs + 31) / 32, c.ins, 32});
          *activation ? k.tensor({c.outs}) : k.none();
          *activation ? k.tensor({2, c.height, c.width - 1, c.outs}) : k.none();
          k.number(c.outs).number(m).ints({1, 1, 1, 0}).text(activation).real(-1).real(50);
          k.expect_kernel_matches(4e-5);
        }
}

TEST(Convolution, DepthwiseAndMaxPool) {
  std::vector<Conv> convs(std::begin(kConvs), std::end(kConvs));
  convs.push_back({100, 0, 50, 3, 1, 1, 1, 1});  // channels in parts
  for (const Conv& c : convs)
    for (const bool planar : {false, true}) {
      const std::vector<int64_t> shape{2, c.size, c.size, c.ins}, planes{c.ins * c.size * c.size, c.size, 1, c.size * c.size};
      KernelCase depthwise("portfire::depthwise_conv2d"), max("portfire::max_pool2d");
      for (KernelCase* k : {&depthwise, &max}) planar ? k->tensor(shape, planes) : k->tensor(shape);
      if (c.ins > 4) max.last().as<float>()[17] = NAN;
      depthwise.tensor({c.kernel * c.kernel, c.ins}).tensor({c.ins});
      for (KernelCase* k : {&depthwise, &max})
        k->ints({c.kernel, c.kernel}).ints({c.stride, c.stride}).ints({c.padding, c.padding, c.padding, c.padding}).ints({c.dilation, c.dilation});
      depthwise.text("clamp").real(-0.5).real(0.5).expect_kernel_matches();
      max.expect_kernel_matches();
    }
}

}  // namespace
}  // namespace portfire
