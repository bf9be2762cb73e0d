// The kernels that copy against the references.
#include "kernels/kernel_case.h"

namespace portfire::copy {
namespace {


const Layout kLayouts[] = {Layout::contiguous, Layout::transposed, Layout::gaps, Layout::expanded};
const DType kWidths[] = {DType::u8, DType::bf16, DType::f32, DType::i64, DType::c128};

TEST(Copy, EveryLayoutAndWidth) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {0, 3}, {1}, {7}, {16, 16}, {33, 70}, {64, 32}, {3, 5, 40}, {130, 3}, {2, 300, 300}})
    for (Layout layout : kLayouts)
      for (DType t : kWidths) {
        KernelCase("aten::clone").tensor(t, shape, layout).none().expect_kernel_matches(0);
        if (shape.empty()) continue;
        const auto last = static_cast<int64_t>(shape.size()) - 1;
        KernelCase("aten::flip").tensor(t, shape, layout).ints({last}).expect_kernel_matches(0);
        KernelCase("aten::flip").tensor(t, shape, layout).ints({0}).expect_kernel_matches(0);
        KernelCase("aten::roll").tensor(t, shape, layout).ints({5, -2}).ints({last, 0}).expect_kernel_matches(0);
      }
}

TEST(Copy, Permutations) {
  const std::vector<int64_t> orders[] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {0, 2, 1, 3}, {0, 3, 1, 2}, {1, 0, 3, 2}, {2, 3, 0, 1}};
  for (const auto& order : orders)
    for (DType t : kWidths) {
      KernelCase("aten::permute_copy").tensor(t, {3, 18, 5, 20}).ints(order).expect_kernel_matches(0);
      KernelCase("aten::permute_copy").tensor(t, {2, 3, 17, 16}, Layout::transposed).ints(order).expect_kernel_matches(0);
    }
}

TEST(Copy, Several) {
  for (DType t : kWidths)
    for (int64_t dim : {0, 1, -1}) {
      KernelCase("aten::cat").tensor(t, {3, 4, 5}).tensor(t, {3, 4, 5}, Layout::transposed).tensor(t, {0}).list(3).number(dim).expect_kernel_matches(0);
      KernelCase("aten::stack").tensor(t, {3, 4, 5}).tensor(t, {3, 4, 5}, Layout::gaps).list(2).number(dim).expect_kernel_matches(0);
      KernelCase("aten::slice_scatter").tensor(t, {6, 7}).tensor(t, {dim == 0 ? 2 : 6, dim == 0 ? 7 : 2}).number(dim).number(1).number(5).number(2).expect_kernel_matches(0);
    }
  EXPECT_FALSE(KernelCase("aten::cat").tensor(DType::f32, {3}).tensor(DType::i64, {3}).list(2).number(0).taken());
}

// Rows of all short lengths, which are moved in pieces that overlap.
TEST(Copy, ShortRows) {
  for (DType t : {DType::u8, DType::f16, DType::f32, DType::c128})
    for (int64_t n = 1; n <= 150; ++n) {
      KernelCase("aten::cat").tensor(t, {5, n}).tensor(t, {5, 3}).list(2).number(1).expect_kernel_matches(0);
      if (n < 40) KernelCase("aten::unfold_copy").tensor(t, {3, 50}).number(1).number(n).number(5).expect_kernel_matches(0);
    }
}

TEST(Copy, PadsAndRepeats) {
  for (DType t : {DType::u8, DType::f32, DType::i64})
    for (const std::vector<int64_t>& pad : {std::vector<int64_t>{}, {1, 2}, {0, 0, 3, 1}, {-1, 2}, {2, -3, -1, -2}, {-2, -2, 1, 1}, {-3, -2}, {7, -9}, {-9, 7}, {1, 1, 0, 0, 2, 0}})
      KernelCase("aten::constant_pad_nd").tensor(t, {3, 4, 5}).ints(pad).number(7).expect_kernel_matches(0);
  for (const std::vector<int64_t>& repeats : {std::vector<int64_t>{1, 1}, {2, 3}, {4, 1, 2}, {0, 2}, {2, 1, 1, 3}})
    KernelCase("aten::repeat").tensor(DType::f32, {5, 6}).ints(repeats).expect_kernel_matches(0);
}

TEST(Copy, BordersFromWithin) {
  for (DType t : {DType::u8, DType::bf16, DType::f32, DType::i64, DType::c128})
    for (const std::vector<int64_t>& pad : {std::vector<int64_t>{0, 0, 0, 0}, {1, 2, 3, 1}, {4, 0, 0, 2}, {-1, 2, 1, -2}, {-3, 1, -1, -1}, {3, -4, 2, 2}}) {
      KernelCase("aten::reflection_pad2d").tensor(t, {2, 3, 4, 5}).ints(pad).expect_kernel_matches(0);
      KernelCase("aten::replication_pad2d").tensor(t, {3, 4, 5}).ints(pad).expect_kernel_matches(0);
      // A border wider than what cropping leaves has nothing to go around to.
      if (pad != std::vector<int64_t>{3, -4, 2, 2}) KernelCase("aten::_pad_circular").tensor(t, {2, 3, 4, 5}).ints(pad).expect_kernel_matches(0);
    }
  KernelCase("aten::replication_pad1d").tensor(DType::f32, {3, 5}).ints({20, 9}).expect_kernel_matches(0);
  KernelCase("aten::reflection_pad2d").tensor(DType::f32, {16, 20, 60, 60}).ints({2, 2, 2, 2}).expect_kernel_matches(0);
}

TEST(Copy, Diagonals) {
  for (DType t : {DType::u8, DType::bf16, DType::f32, DType::i64, DType::c128})
    for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::gaps})
      for (int64_t offset : {-2, 0, 3})
        KernelCase("aten::diagonal_scatter").tensor(t, {4, 9, 9}, layout).tensor(t, {4, 9 - std::abs(offset)}).number(offset).number(1).number(2).expect_kernel_matches(0);
}

TEST(Copy, CountsUp) {
  for (DType t : {DType::i64, DType::i32, DType::u8, DType::f32, DType::f64, DType::bf16})
    for (int64_t n : {0, 1, 255, 256, 257, 200000}) {
      if (n > 100 && byte_size(t) < 4) continue;
      KernelCase("aten::arange.start_step").number(0).number(n).number(1).value(Value::of(static_cast<int64_t>(t))).none().none().none().expect_kernel_matches(0);
      KernelCase("aten::arange.start_step").number(3).number(3 + 2 * n).number(2).value(Value::of(static_cast<int64_t>(t))).none().none().none().expect_kernel_matches(0);
    }
  KernelCase("aten::arange.start_step").real(0.5).real(-70).real(-0.3).none().none().none().none().expect_kernel_matches(0);
}

}  // namespace
}  // namespace portfire::copy
