#include "ops/out_variants.h"

#include <gtest/gtest.h>

namespace portfire::ops {
namespace {

std::string functional(std::string_view name) {
  OutVariant v;
  if (!find_out_variant(name, &v)) return "none";
  char buffer[128];
  return std::string(v.functional(buffer, sizeof buffer));
}

TEST(OutVariants, MostAreNamedByRule) {
  EXPECT_EQ(functional("aten::relu.out"), "aten::relu");
  EXPECT_EQ(functional("aten::add.Scalar_out"), "aten::add.Scalar");
  EXPECT_EQ(functional("aten::bitwise_left_shift.Tensor_Scalar_out"), "aten::bitwise_left_shift.Tensor_Scalar");
  EXPECT_EQ(functional("quantized_decomposed::embedding_byte.dtype_out"), "quantized_decomposed::embedding_byte.dtype");
}

TEST(OutVariants, OthersHaveALine) {
  EXPECT_EQ(functional("aten::add.out"), "aten::add.Tensor");
  EXPECT_EQ(functional("aten::topk.values"), "aten::topk");
  EXPECT_EQ(functional("aten::sum.IntList_out"), "aten::sum.dim_IntList");
  EXPECT_EQ(functional("dim_order_ops::_clone_dim_order.out"), "aten::_to_copy");
  OutVariant v;
  ASSERT_TRUE(find_out_variant("aten::any.out", &v));
  EXPECT_EQ(v.args, 3);
  EXPECT_EQ(v.pattern, "0 [1] 2");
  EXPECT_FALSE(v.in_place);
  ASSERT_TRUE(find_out_variant("aten::index_put_", &v));
  EXPECT_TRUE(v.in_place);
}

TEST(OutVariants, FunctionalOperatorsAreNone) {
  for (const char* name : {"aten::relu", "aten::add.Tensor", "aten::dropout", "aten::_out", "out", "", ".", "aten::x.", "portfire::write"}) EXPECT_EQ(functional(name), "none") << name;
}

TEST(OutVariants, ANameThatDoesNotFitIsEmpty) {
  OutVariant v;
  ASSERT_TRUE(find_out_variant("aten::relu.out", &v));
  char buffer[4];
  EXPECT_TRUE(v.functional(buffer, sizeof buffer).empty());
}

TEST(OutVariants, ItemsOfAPattern) {
  std::string all;
  for_each_item("0 [1] =2 dtype", [&](std::string_view item) { all += std::string(item) + "|"; });
  EXPECT_EQ(all, "0|[1]|=2|dtype|");
}

}  // namespace
}  // namespace portfire::ops
