// Bags of embeddings against the reference.
#include "kernels/kernel_case.h"

namespace portfire::index {
namespace {

TEST(EmbeddingBag, EveryMode) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16})
    for (int64_t columns : {1, 7, 64, 99, 1100})
      for (int64_t mode : {0, 1, 2})
        for (bool include_last : {false, true})
          for (int64_t padding : {-1, 3})
            for (bool weighted : {false, true}) {
              if (weighted && mode != 0) continue;
              KernelCase k("aten::_embedding_bag");
              k.tensor(t, {9, columns}).indices({20}, 9);
              k.reals(DType::i64, {4}, {0, 5, 5, 17}).flag(false).number(mode).flag(false);
              weighted ? k.tensor(t, {20}) : k.none();
              k.flag(include_last).number(padding).expect_kernel_matches(t == DType::f64 ? 1e-13 : t == DType::f32 ? 1e-6 : t == DType::f16 ? 2e-3 : 1e-2);
            }
}

// More rows than are read at a time; tables and indices with gaps; i32.
TEST(EmbeddingBag, LongBags) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16})
    for (int64_t mode : {0, 1, 2})
      for (DType numbers : {DType::i64, DType::i32}) {
        KernelCase k("aten::_embedding_bag");
        k.tensor(t, {9, 21}, Layout::contiguous).indices({900}, 9, numbers, Layout::gaps).reals(numbers, {2}, {0, 700});
        k.flag(false).number(mode).flag(false).none().flag(false).number(3).expect_kernel_matches(t == DType::f64 ? 1e-12 : t == DType::f32 ? 1e-5 : 1e-2);
      }
}

TEST(EmbeddingBag, MaximaOfWhatIsNoNumber) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  std::mt19937 random(2);
  std::vector<double> x(9 * 70);
  for (double& v : x) v = std::vector<double>{0.0, -0.0, 1, -1, -inf, -inf, nan}[random() % 7];
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16})
    KernelCase("aten::_embedding_bag").reals(t, {9, 70}, x).indices({20}, 9).reals(DType::i64, {5}, {0, 1, 1, 3, 8}).flag(false).number(2).flag(false).none().flag(false).number(-1)
        .expect_kernel_matches(0);
}

TEST(EmbeddingBag, RefusesWhatIsOutOfRange) {
  KernelCase("aten::_embedding_bag").tensor(DType::f32, {9, 4}).indices({20}, 12).reals(DType::i64, {2}, {0, 5}).flag(false).number(0).flag(false).none().flag(false).number(-1)
      .expect_kernel_matches(1e-6);
  for (double first : {-1.0, 30.0})
    KernelCase("aten::_embedding_bag").tensor(DType::f32, {9, 4}).indices({20}, 9).reals(DType::i64, {2}, {first, 5}).flag(false).number(0).flag(false).none().flag(false).number(-1)
        .expect_kernel_matches(1e-6);
}

}  // namespace
}  // namespace portfire::index
