#include "kernels/isa.h"
#include "kernels/kernel_case.h"

namespace portfire {
namespace {

struct Block {
  int64_t height, width, ins, expanded, outs, expand_kernel, kernel, stride, padding, dilation;
};
// Images of one strip and of many, channels at once and in parts; outs 0: no projection, expanded 0: no expansion.
constexpr Block kBlocks[] = {{9, 7, 5, 12, 8, 1, 3, 1, 1, 1},     {40, 60, 8, 96, 24, 1, 3, 1, 1, 1},   {41, 60, 8, 96, 24, 1, 3, 2, 1, 1},
                             {30, 50, 3, 72, 16, 3, 3, 1, 1, 1},  {33, 40, 6, 100, 0, 1, 5, 1, 2, 1},   {40, 50, 64, 0, 40, 1, 3, 1, 1, 1},
                             {24, 120, 4, 64, 70, 1, 3, 3, 0, 2}, {20, 64, 16, 130, 33, 1, 3, 4, 3, 1}, {3, 3, 40, 40, 40, 1, 3, 1, 1, 1},
                             {10, 12, 16, 200, 24, 1, 3, 1, 1, 1}};

// Of k x n, in f32 or in bf16.
void weights(KernelCase& c, bool bf16, int64_t k, int64_t n) {
  bf16 ? c.tensor(DType::bf16, {(n + 15) / 16, (k + 1) / 2, 16, 2}) : c.tensor({(n + 31) / 32, k, 32});
}

TEST(InvertedResidual, InStrips) {
  for (const Block& b : kBlocks)
    for (const int kind : {0, 1, 2, 3, 4, 6}) {
      const bool residual = kind % 2, bf16 = kind / 2 % 2, planar = kind / 4;
      if (residual && !b.outs) continue;
      const int64_t channels = b.expanded ? b.expanded : b.ins, border = b.expand_kernel / 2;
      const int64_t reach = b.dilation * (b.kernel - 1), oh = (b.height + 2 * b.padding - reach - 1) / b.stride + 1, ow = (b.width + 2 * b.padding - reach - 1) / b.stride + 1;
      KernelCase k("portfire::inverted_residual");
      const int64_t pixels = b.height * b.width;
      (planar ? k.tensor({2, b.height, b.width, b.ins}, {b.ins * pixels, b.width, 1, pixels}) : k.tensor({2, b.height, b.width, b.ins})).rounded();
      b.expanded ? weights(k, bf16, b.expand_kernel * b.expand_kernel * b.ins, channels) : void(k.none());
      b.expanded ? k.tensor({channels}) : k.none();
      k.tensor({b.kernel * b.kernel, channels}).tensor({channels});
      b.outs ? weights(k, bf16, channels, b.outs) : void(k.none());
      residual ? k.tensor({b.outs}) : k.none();
      residual ? k.tensor({2, oh, ow, b.outs}) : k.none();
      k.number(channels).ints({b.expand_kernel, b.expand_kernel}).ints({1, 1}).ints({border, border, border, border}).ints({1, 1}).text("relu").real(0).real(0);
      k.ints({b.kernel, b.kernel}).ints({b.stride, b.stride}).ints({b.padding, b.padding, b.padding, b.padding}).ints({b.dilation, b.dilation});
      k.text("clamp").real(-0.5).real(6).number(b.outs).text("").real(0).real(0);
      // What goes into the projection is rounded to bf16 where the CPU multiplies such.
      k.expect_kernel_matches(bf16 && multiplies_bf16() ? 4e-3 : 4e-5);
    }
}

}  // namespace
}  // namespace portfire
