#include "compiler/emit/xnnpack_blob.h"

#include <gtest/gtest.h>

#include <cstring>

#include "compiler/ir/parse_text.h"
#include "xnnpack_generated.h"

namespace portfire::emit {
namespace {

// A convolution wants its channels last, what goes in and out does not: transpositions stand around it; its activation is a bound.
constexpr const char* kBody = R"(
graph delegate
  input %0:x : f32[1,2,4,4]
  constant %1:w : f32[2,1,3,3] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0]
  %2:conv : f32[1,2,2,2] = aten::convolution(%0:x, %1:w, bias=None, stride=[1, 1], padding=[0, 0], dilation=[1, 1], transposed=False, output_padding=[0, 0], groups=2)
  %3:relu : f32[1,2,2,2] = aten::relu(%2:conv)
  output %3:relu
end
)";

TEST(XnnpackBlob, SaysWhatTheBodyDoes) {
  Result<ir::Graph> body = ir::parse_text(kBody);
  ASSERT_TRUE(body.ok()) << body.error().text();
  NamedConstants constants;
  const std::vector<uint8_t> blob = xnnpack_blob(*body, constants);
  uint32_t at, size;
  std::memcpy(&at, blob.data() + 10, 4);
  std::memcpy(&size, blob.data() + 14, 4);
  EXPECT_EQ(std::memcmp(blob.data() + 4, "XH00", 4), 0);
  ASSERT_LE(at + size, blob.size());
  flatbuffers::Verifier verifier(blob.data() + at, size);
  ASSERT_TRUE(verifier.VerifyBuffer<xnn::Graph>("XN01"));
  const xnn::Graph& g = *flatbuffers::GetRoot<xnn::Graph>(blob.data() + at);
  EXPECT_EQ(g.num_externs(), 2u);
  ASSERT_EQ(g.nodes()->size(), 3u);
  EXPECT_EQ(g.nodes()->Get(0)->kind_type(), xnn::NodeKind_StaticTranspose);
  const xnn::Node& conv = *g.nodes()->Get(1);
  ASSERT_EQ(conv.kind_type(), xnn::NodeKind_DepthwiseConv2d);
  ASSERT_NE(conv.output_min_max(), nullptr);
  EXPECT_EQ(conv.output_min_max()->output_min(), 0);
  EXPECT_EQ(g.nodes()->Get(2)->kind_type(), xnn::NodeKind_StaticTranspose);
  // Weights of a depthwise convolution are [1, h, w, c].
  const xnn::Value& filter = *g.values()->Get(conv.kind_as_DepthwiseConv2d()->filter_id());
  const auto& dims = *filter.kind_as_TensorValue()->dims();
  EXPECT_EQ(std::vector<uint32_t>(dims.begin(), dims.end()), (std::vector<uint32_t>{1, 3, 3, 2}));
  ASSERT_EQ(constants.all().size(), 1u);
  const auto* numbers = static_cast<const float*>(constants.all().begin()->second.data);
  EXPECT_EQ(numbers[0], 1);
  EXPECT_EQ(numbers[1], 10);
  EXPECT_EQ(numbers[2], 2);
}

// A size that is not known is given as the most that it can be, and as 0 to the reshape that finds it.
constexpr const char* kAnyBatch = R"(
graph delegate
  symbol b : 1..8 {8, 1, 3, 5, 2}
  input %0:x : f32[b,2]
  constant %1:w : f32[4,2] = [1.0 * 8]
  %2:linear : f32[b,4] = aten::linear(%0:x, %1:w)
  %3:parts : f32[b,2,2] = aten::view_copy(%2:linear, size=[-1, 2, 2])
  output %3:parts
end
)";

TEST(XnnpackBlob, LeavesASizeToBeFound) {
  Result<ir::Graph> body = ir::parse_text(kAnyBatch);
  ASSERT_TRUE(body.ok()) << body.error().text();
  NamedConstants constants;
  const std::vector<uint8_t> blob = xnnpack_blob(*body, constants);
  uint32_t at;
  std::memcpy(&at, blob.data() + 10, 4);
  const xnn::Graph& g = *flatbuffers::GetRoot<xnn::Graph>(blob.data() + at);
  EXPECT_EQ(g.values()->Get(0)->kind_as_TensorValue()->dims()->Get(0), 8u);
  ASSERT_EQ(g.nodes()->size(), 2u);
  ASSERT_EQ(g.nodes()->Get(0)->kind_type(), xnn::NodeKind_FullyConnected);
  EXPECT_EQ(g.nodes()->Get(0)->kind_as_FullyConnected()->flags(), 0u);  // weights are [out, in]
  const auto& shape = *g.nodes()->Get(1)->kind_as_StaticReshape()->new_shape();
  EXPECT_EQ(std::vector<uint32_t>(shape.begin(), shape.end()), (std::vector<uint32_t>{0, 2, 2}));
}

TEST(NamedConstants, AreThereOnceByContent) {
  NamedConstants constants;
  const float a[] = {1, 2}, b[] = {1, 2}, c[] = {2, 1};
  const std::string name = constants.add({a, sizeof a, nullptr});
  EXPECT_EQ(constants.add({b, sizeof b, nullptr}), name);
  EXPECT_NE(constants.add({c, sizeof c, nullptr}), name);
  EXPECT_NE(constants.add({a, sizeof(float), nullptr}), name);
  EXPECT_EQ(constants.all().size(), 3u);
}

}  // namespace
}  // namespace portfire::emit
