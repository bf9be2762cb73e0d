// The kernels that fetch and store by number against the references.
#include "kernels/kernel_case.h"

namespace portfire::index {
namespace {


const DType kTypes[] = {DType::f32, DType::i64, DType::i32, DType::f64};
const Layout kLayouts[] = {Layout::contiguous, Layout::transposed, Layout::gaps};

TEST(Index, Fetches) {
  for (DType t : {DType::u8, DType::bf16, DType::f32, DType::i64, DType::c128})
    for (DType i : {DType::i64, DType::i32})
      for (Layout layout : kLayouts) {
        KernelCase("aten::embedding").tensor(t, {50, 17}, layout).indices({30, 40}, 50, i).number(-1).flag(false).flag(false).expect_kernel_matches(0);
        KernelCase("aten::embedding").tensor(t, {50, 1}, layout).indices({}, 50, i).number(-1).flag(false).flag(false).expect_kernel_matches(0);
        for (int64_t dim : {0, 1, 2}) {
          const int64_t limit = std::vector<int64_t>{20, 9, 31}[static_cast<size_t>(dim)];
          KernelCase("aten::index_select").tensor(t, {20, 9, 31}, layout).number(dim).indices({70}, limit, i).expect_kernel_matches(0);
          KernelCase("aten::index_select").tensor(t, {20, 9, 31}, layout).number(dim).indices({0}, limit, i).expect_kernel_matches(0);
          std::vector<int64_t> sizes = {18, 9, 30};
          sizes[static_cast<size_t>(dim)] = 25;
          KernelCase("aten::gather").tensor(t, {20, 9, 31}, layout).number(dim).indices(sizes, limit, i, layout).flag(false).expect_kernel_matches(0);
        }
      }
}

TEST(Index, Stores) {
  for (DType t : kTypes)
    for (Layout layout : kLayouts)
      for (int64_t dim : {0, 1, 2}) {
        const int64_t limit = std::vector<int64_t>{20, 9, 31}[static_cast<size_t>(dim)];
        // An index that holds a number for each slice, and one for each element.
        for (Layout index : {Layout::contiguous, Layout::expanded}) {
          KernelCase("aten::scatter_add").tensor(t, {20, 9, 31}, layout).number(dim).indices({20, 8, 30}, limit, DType::i64, index)
              .tensor(t, {20, 9, 31}, layout).expect_kernel_matches(1e-6);
          KernelCase("aten::scatter.value").tensor(t, {20, 9, 31}, layout).number(dim).indices({20, 8, 30}, limit, DType::i64, index).real(7).expect_kernel_matches(0);
        }
        KernelCase("aten::scatter.src").tensor(t, {20, 9, 31}, layout).number(dim).indices({20, 8, 30}, limit).tensor(t, {20, 9, 31}, layout).expect_kernel_matches(0);
      }
}

TEST(Index, SeveralAtOnce) {
  for (DType t : {DType::u8, DType::f32, DType::i64, DType::c128}) {
    KernelCase("aten::index.Tensor").tensor(t, {20, 9, 31}).indices({7, 5}, 20).list(1).expect_kernel_matches(0);
    KernelCase("aten::index.Tensor").tensor(t, {20, 9, 31}).indices({40}, 20).indices({40}, 9).list(2).expect_kernel_matches(0);
    KernelCase("aten::index.Tensor").tensor(t, {20, 9, 31}).none().indices({40}, 9).indices({40}, 31).list(3).expect_kernel_matches(0);
    KernelCase("aten::index.Tensor").tensor(t, {20, 9, 31}, Layout::gaps).none().none().indices({40, 3}, 31).list(3).expect_kernel_matches(0);
    KernelCase("aten::index.Tensor").tensor(t, {200, 90}).indices({3000}, 200).indices({3000}, 90).list(2).expect_kernel_matches(0);
    KernelCase("aten::index.Tensor").tensor(t, {200, 90}).indices({0}, 200).list(1).expect_kernel_matches(0);
  }
  for (double bad : {-5.0, 4.0}) {
    KernelCase("aten::index.Tensor").tensor(DType::f32, {4, 3}).reals(DType::i64, {3}, {-4, 3, bad}).list(1).expect_kernel_matches(0);
    KernelCase("aten::index.Tensor").tensor(DType::f32, {3, 4}).reals(DType::i64, {2}, {0, -1}).reals(DType::i64, {2}, {0, bad}).list(2).expect_kernel_matches(0);
  }
}

TEST(Index, OutOfRangeIsAnError) {
  for (double bad : {-1.0, 4.0, 1e12}) {
    KernelCase("aten::embedding").tensor(DType::f32, {4, 3}).reals(DType::i64, {2}, {0, bad}).number(-1).flag(false).flag(false).expect_kernel_matches(0);
    KernelCase("aten::gather").tensor(DType::f32, {4, 3}).number(0).reals(DType::i64, {2, 1}, {0, bad}).flag(false).expect_kernel_matches(0);
    KernelCase("aten::scatter_add").tensor(DType::f32, {4, 3}).number(0).reals(DType::i64, {1, 2}, {bad, 0}).tensor(DType::f32, {1, 2}).expect_kernel_matches(0);
  }
}

}  // namespace
}  // namespace portfire::index
