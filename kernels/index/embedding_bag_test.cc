// Bags of embeddings against the reference.
#include "kernels/kernel_case.h"

namespace portfire::index {
namespace {

TEST(EmbeddingBag, SumsAndMeans) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16})
    for (int64_t columns : {1, 7, 64, 1100})
      for (int64_t mode : {0, 1})
        for (bool include_last : {false, true})
          for (int64_t padding : {-1, 3})
            for (bool weighted : {false, true}) {
              if (weighted && mode == 1) continue;
              KernelCase k("aten::_embedding_bag");
              k.tensor(t, {9, columns}).indices({20}, 9);
              k.reals(DType::i64, {4}, {0, 5, 5, 17}).flag(false).number(mode).flag(false);
              weighted ? k.tensor(t, {20}) : k.none();
              k.flag(include_last).number(padding).expect_kernel_matches(t == DType::f64 ? 1e-13 : t == DType::f32 ? 1e-6 : t == DType::f16 ? 2e-3 : 1e-2);
            }
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
