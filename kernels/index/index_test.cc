// The kernels that fetch and store by number against the references.
#include "kernels/kernel_case.h"

namespace portfire::index {
namespace {


const DType kTypes[] = {DType::f32, DType::i64, DType::i32, DType::f64, DType::f16, DType::u8};
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

TEST(Index, Combines) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16, DType::i8, DType::u8})
    for (const char* how : {"sum", "prod", "mean", "amax", "amin"})
      for (bool include_self : {true, false})
        for (int64_t dim : {0, 1})
          for (Layout index : {Layout::contiguous, Layout::expanded})
            KernelCase("aten::scatter_reduce.two").tensor(t, {20, 31}).number(dim).indices({18, 30}, dim ? 31 : 20, dim ? DType::i64 : DType::i32, index)
                .tensor(t, {20, 31}, dim ? Layout::contiguous : Layout::transposed).text(how).flag(include_self).expect_kernel_matches(1e-6);
  for (DType t : {DType::f16, DType::bf16, DType::u8, DType::i16}) {
    KernelCase("aten::scatter_add").tensor(t, {50}).number(0).indices({5000}, 50).tensor(t, {5000}).expect_kernel_matches(0);
    KernelCase("aten::scatter_add").tensor(t, {50, 70}).number(0).indices({60, 70}, 50, DType::i64, Layout::expanded).tensor(t, {60, 70}).expect_kernel_matches(0);
  }
  for (double special : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    for (const char* how : {"sum", "prod", "mean", "amax", "amin"})
      for (DType t : {DType::f32, DType::bf16, DType::f16})
        KernelCase("aten::scatter_reduce.two").reals(t, {3}, {1, special, 2}).number(0).reals(DType::i64, {4}, {0, 1, 2, 2}).reals(t, {4}, {special, 3, special, 4})
            .text(how).flag(true).expect_kernel_matches(1e-6);
}

// Many places of few numbers: threads must not meet in one element.
TEST(Index, SumsOfManyThreads) {
  for (DType t : {DType::i64, DType::f64, DType::u8})
    KernelCase("aten::scatter_add").tensor(t, {10}).number(0).indices({200000}, 10).tensor(t, {200000}).expect_kernel_matches(1e-9);
}

TEST(Index, Histograms) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (DType t : {DType::f32, DType::f64}) {
    for (int64_t bins : {1, 7, 50, 3000})
      for (Layout layout : kLayouts)
        for (double high : {3.0, -3.0, 0.25})  // -3: the range of the data
          KernelCase("aten::histc").tensor(t, {9, 1100}, layout).number(bins).real(-3).real(high).expect_kernel_matches(0);
    KernelCase("aten::histc").reals(t, {8}, {nan, -1, 0, 0.5, 1, 1, inf, -inf}).number(4).real(-1).real(1).expect_kernel_matches(0);
    KernelCase("aten::histc").reals(t, {3}, {nan, 1, 2}).number(4).real(0).real(0).expect_kernel_matches(0);
    KernelCase("aten::histc").reals(t, {2}, {inf, 1}).number(4).real(0).real(0).expect_kernel_matches(0);
    KernelCase("aten::histc").reals(t, {2}, {1, 2}).number(4).real(-1.5e308).real(1.5e308).expect_kernel_matches(0);
    KernelCase("aten::histc").tensor(t, {0}).number(4).real(0).real(0).expect_kernel_matches(0);
  }
}

TEST(Index, Puts) {
  for (DType t : {DType::f32, DType::i64, DType::bf16, DType::u8, DType::c128})
    for (bool accumulate : {false, true}) {
      if (t == DType::c128 && accumulate) continue;
      KernelCase("aten::index_put").tensor(t, {20, 9, 31}).indices({50}, 20).list(1).tensor(t, {50, 9, 31}).flag(accumulate).expect_kernel_matches(1e-6);
      KernelCase("aten::index_put").tensor(t, {20, 9, 31}, Layout::gaps).none().indices({40}, 9, DType::i32).list(2).tensor(t, {40, 31}).flag(accumulate).expect_kernel_matches(1e-6);
      KernelCase("aten::index_put").tensor(t, {20, 9}).none().reals(DType::i64, {3}, {-9, 8, -1}).list(2).tensor(t, {}).flag(accumulate).expect_kernel_matches(1e-6);
      KernelCase("aten::index_put").tensor(t, {20, 9}).none().reals(DType::i64, {2}, {-10, 8}).list(2).tensor(t, {20, 2}).flag(accumulate).expect_kernel_matches(1e-6);
      KernelCase("aten::index_put").tensor(t, {20, 9}).indices({0}, 9).list(1).tensor(t, {0, 9}).flag(accumulate).expect_kernel_matches(1e-6);
    }
}

TEST(Index, MasksAndSearches) {
  for (DType t : {DType::u8, DType::bf16, DType::f32, DType::f64, DType::c128})
    for (Layout layout : kLayouts) {
      KernelCase("aten::masked_scatter").tensor(t, {20, 31}, layout).tensor(DType::boolean, {20, 31}, layout).tensor(t, {700}).expect_kernel_matches(0);
      KernelCase("aten::masked_scatter").tensor(t, {20, 31}).tensor(DType::boolean, {31}).tensor(t, {25, 31}).expect_kernel_matches(0);
      KernelCase("aten::masked_scatter").tensor(t, {20, 31}).tensor(DType::boolean, {20, 1}).tensor(t, {20, 3}).expect_kernel_matches(0);  // too few
    }
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (DType t : {DType::f32, DType::f64, DType::i64, DType::i32})
    for (bool right : {false, true})
      for (bool narrow : {false, true}) {
        std::vector<double> sorted = {-90, -50, -50, -3, -1, 0, 0, 0, 1, 2, 2, 3, 70};
        if (is_floating(t)) sorted.insert(sorted.end(), {inf, nan, nan});
        for (size_t n : {sorted.size(), size_t{1}, size_t{0}}) {
          sorted.resize(n);
          const auto length = static_cast<int64_t>(n);
          KernelCase("aten::searchsorted.Tensor").reals(t, {length}, sorted).tensor(t, {3, 700}).flag(narrow).flag(right).none().none().expect_kernel_matches(0);
          KernelCase("aten::searchsorted.Tensor").reals(t, {length}, sorted).reals(t, {6}, {-50, 0, 2, 71, is_floating(t) ? nan : 5, is_floating(t) ? -inf : 6})
              .flag(narrow).flag(false).text(right ? "right" : "left").none().expect_kernel_matches(0);
        }
        // In no order: the items that are looked at decide.
        for (int64_t length = 1; length < 40; ++length)
          KernelCase("aten::searchsorted.Tensor").tensor(t, {length}).tensor(t, {71}).flag(narrow).flag(right).none().none().expect_kernel_matches(0);
        KernelCase("aten::searchsorted.Tensor").reals(t, {2, 3}, {1, 2, 3, -5, 0, 5}).tensor(t, {2, 40}).flag(narrow).flag(right).none().none().expect_kernel_matches(0);
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

TEST(Index, GradientOfEmbedding) {
  for (DType t : {DType::i64, DType::i32})
    for (int64_t width : {1, 7, 16, 33})
      for (int64_t rows : {1, 5, 3000})
        for (int64_t padding : {-1, 0})
          KernelCase("aten::embedding_dense_backward").tensor({3, 40, width}).indices({3, 40}, rows, t).number(rows).number(padding).flag(false).expect_kernel_matches(1e-6);
  KernelCase("aten::embedding_dense_backward").tensor({2, 4}).indices({2}, 9).number(0).number(-1).flag(false).expect_kernel_matches();
}

}  // namespace
}  // namespace portfire::index
