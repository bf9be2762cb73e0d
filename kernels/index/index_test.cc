// The kernels that fetch and store by number against the references.
#include "kernels/compare_test.h"

namespace portfire::index {
namespace {

using testing::Call;
using testing::Layout;

const DType kTypes[] = {DType::f32, DType::i64, DType::i32, DType::f64};
const Layout kLayouts[] = {Layout::contiguous, Layout::transposed, Layout::gaps};

TEST(Index, Fetches) {
  for (DType t : {DType::u8, DType::bf16, DType::f32, DType::i64, DType::c128})
    for (DType i : {DType::i64, DType::i32})
      for (Layout layout : kLayouts)
        for (size_t threads : {1, 3}) {
          Call("aten::embedding").tensor(t, {50, 17}, layout).indices({30, 40}, 50, i).integer(-1).boolean(false).boolean(false).expect_same(0, threads);
          Call("aten::embedding").tensor(t, {50, 1}, layout).indices({}, 50, i).integer(-1).boolean(false).boolean(false).expect_same(0, threads);
          for (int64_t dim : {0, 1, 2}) {
            const int64_t limit = std::vector<int64_t>{20, 9, 31}[static_cast<size_t>(dim)];
            Call("aten::index_select").tensor(t, {20, 9, 31}, layout).integer(dim).indices({70}, limit, i).expect_same(0, threads);
            Call("aten::index_select").tensor(t, {20, 9, 31}, layout).integer(dim).indices({0}, limit, i).expect_same(0, threads);
            std::vector<int64_t> sizes = {18, 9, 30};
            sizes[static_cast<size_t>(dim)] = 25;
            Call("aten::gather").tensor(t, {20, 9, 31}, layout).integer(dim).indices(sizes, limit, i, layout).boolean(false).expect_same(0, threads);
          }
        }
}

TEST(Index, Stores) {
  for (DType t : kTypes)
    for (Layout layout : kLayouts)
      for (size_t threads : {1, 3})
        for (int64_t dim : {0, 1, 2}) {
          const int64_t limit = std::vector<int64_t>{20, 9, 31}[static_cast<size_t>(dim)];
          // An index that holds a number for each slice, and one for each element.
          for (Layout index : {Layout::contiguous, Layout::expanded}) {
            Call("aten::scatter_add").tensor(t, {20, 9, 31}, layout).integer(dim).indices({20, 8, 30}, limit, DType::i64, index)
                .tensor(t, {20, 9, 31}, layout).expect_same(1e-6, threads);
            Call("aten::scatter.value").tensor(t, {20, 9, 31}, layout).integer(dim).indices({20, 8, 30}, limit, DType::i64, index).real(7).expect_same(0, threads);
          }
          Call("aten::scatter.src").tensor(t, {20, 9, 31}, layout).integer(dim).indices({20, 8, 30}, limit).tensor(t, {20, 9, 31}, layout).expect_same(0);
        }
}

TEST(Index, OutOfRangeIsAnError) {
  for (double bad : {-1.0, 4.0, 1e12})
    for (size_t threads : {1, 3}) {
      Call("aten::embedding").tensor(DType::f32, {4, 3}).reals(DType::i64, {2}, {0, bad}).integer(-1).boolean(false).boolean(false).expect_same(0, threads);
      Call("aten::gather").tensor(DType::f32, {4, 3}).integer(0).reals(DType::i64, {2, 1}, {0, bad}).boolean(false).expect_same(0, threads);
      Call("aten::scatter_add").tensor(DType::f32, {4, 3}).integer(0).reals(DType::i64, {1, 2}, {bad, 0}).tensor(DType::f32, {1, 2}).expect_same(0, threads);
    }
}

}  // namespace
}  // namespace portfire::index
