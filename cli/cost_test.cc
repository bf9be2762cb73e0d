#include "cli/cost.h"

#include <vector>

#include <gtest/gtest.h>

namespace portfire::cli {
namespace {

// A call of `op` in which only shapes matter.
struct Call {
  std::vector<TensorView> tensors;
  std::vector<Value> values;
  std::vector<const Value*> args;
  std::vector<TensorView*> outs;
  Method::InstructionInfo info{};

  Call(std::string_view op, std::vector<std::vector<int64_t>> in, std::vector<int64_t> out, std::vector<Value> rest = {}) {
    auto view = [](const std::vector<int64_t>& sizes) { return TensorView::of(nullptr, DType::f32, sizes); };
    for (const auto& sizes : in) tensors.push_back(view(sizes));
    tensors.push_back(view(out));
    for (size_t k = 0; k + 1 < tensors.size(); ++k) values.push_back(Value::of(&tensors[k]));
    values.insert(values.end(), rest.begin(), rest.end());
    for (const Value& v : values) args.push_back(&v);
    outs.push_back(&tensors.back());
    info.op = op;
    info.by = Method::RunBy::kernel;
    info.args = args;
    info.outs = outs;
  }
  Cost cost() const { return cost_of(info); }
};

TEST(Cost, Products) {
  const Cost mm = Call("aten::mm", {{2, 3}, {3, 5}}, {2, 5}).cost();
  EXPECT_EQ(mm.flops, 2 * 2 * 3 * 5);
  EXPECT_EQ(mm.bytes, 4 * (6 + 15 + 10));
  EXPECT_EQ(Call("aten::addmm", {{5}, {2, 3}, {3, 5}}, {2, 5}).cost().flops, 2 * 2 * 3 * 5 + 2 * 10);
}

TEST(Cost, Convolutions) {
  std::vector<Value> rest(3);
  rest.push_back(Value::of(false));
  // 6 outputs of 5 channels, each of 3 taps over 4 / 2 channels of its group.
  Call forward("aten::convolution", {{1, 4, 8}, {5, 2, 3}, {5}}, {1, 5, 6}, rest);
  EXPECT_EQ(forward.cost().flops, 2 * 30 * 2 * 3);
  rest.back() = Value::of(true);
  Call transposed("aten::convolution", {{1, 4, 6}, {4, 5, 3}, {5}}, {1, 5, 8}, rest);
  EXPECT_EQ(transposed.cost().flops, 2 * 24 * 5 * 3);
}

TEST(Cost, CausalAttentionIsHalf) {
  std::vector<Value> rest = {Value(), Value::of(0.0), Value::of(false)};
  const std::vector<std::vector<int64_t>> qkv = {{2, 4, 8}, {2, 4, 8}, {2, 4, 8}};
  EXPECT_EQ(Call("aten::scaled_dot_product_attention", qkv, {2, 4, 8}, rest).cost().flops, 2 * 2 * 16 * 16);
  rest[2] = Value::of(true);
  EXPECT_EQ(Call("aten::scaled_dot_product_attention", qkv, {2, 4, 8}, rest).cost().flops, 2 * 2 * 10 * 16);
}

TEST(Cost, PicksReadWhatTheyGive) {
  EXPECT_EQ(Call("aten::embedding", {{1000, 8}, {2}}, {2, 8}).cost().bytes, 4 * (16 + 2 + 16));
  Call broadcast("aten::sum.dim_IntList", {{4, 8}}, {4});
  broadcast.tensors[0].strides[0] = 0;
  EXPECT_EQ(broadcast.cost().bytes, 4 * (8 + 4));
}

}  // namespace
}  // namespace portfire::cli
