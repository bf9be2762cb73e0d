#include <cmath>

#include <gtest/gtest.h>

#include "format/xnnpack_case.h"

namespace portfire {
namespace {

// relu(x W^T + b) of sizes 3 to 2.
XnnpackBlob linear(uint32_t filter_rows = 2) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({4, 3}), y = blob.output({4, 2});
  const uint32_t w = blob.constant<float>({filter_rows, 3}, {1, 2, 3, 4, 5, 6}), b = blob.constant<float>({2}, {0.5f, -1});
  blob.node(xnn::NodeKind_FullyConnected, xnn::CreateFullyConnected(blob.builder(), x, w, b, y), 0, INFINITY);
  return blob;
}

std::string refusal(XnnpackBlob blob) {
  const auto view = XnnpackView::open(bytes_of(blob.finish()));
  return view.ok() ? "" : view.error().text();
}

TEST(XnnpackView, ReadsWhatIsThere) {
  const auto blob = linear().finish();
  const auto view = XnnpackView::open(bytes_of(blob));
  ASSERT_TRUE(view.ok()) << view.error().text();
  ASSERT_EQ(view->values(), 4u);
  EXPECT_EQ(view->value(2).dims()->Get(1), 3u);
  const XnnpackView::Data w = view->data(view->value(2).constant_buffer_idx());
  ASSERT_EQ(w.bytes.size(), 24u);
  float last;
  std::memcpy(&last, w.bytes.data() + 20, 4);
  EXPECT_EQ(last, 6);
  const auto operands = operands_of(*view->root().nodes()->Get(0));
  ASSERT_TRUE(operands.has_value());
  EXPECT_EQ(operands->input_count, 3);
  EXPECT_EQ(operands->outputs[0], 1u);
}

TEST(XnnpackView, ReadsGraphsWithoutHeader) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({2, 3});
  blob.unary(xnn::NodeKind_Abs, x, blob.output({2, 3}));
  EXPECT_TRUE(XnnpackView::open(bytes_of(blob.finish(false))).ok());
}

TEST(XnnpackView, NamesWhatIsWrong) {
  EXPECT_NE(refusal(linear(3)).find("constant 1 has 24 bytes (expected 36)"), std::string::npos) << refusal(linear(3));
  XnnpackBlob operand;
  operand.unary(xnn::NodeKind_Abs, 7, operand.output({1}));
  EXPECT_NE(refusal(std::move(operand)).find("node 0 (Abs): operand 0 is value 7 of 1"), std::string::npos);
  XnnpackBlob rank;
  rank.input({1, 1, 1, 1, 1, 1, 1});
  EXPECT_NE(refusal(std::move(rank)).find("value 0: 7 sizes"), std::string::npos);
  XnnpackBlob zero;
  zero.quantized({2}, 0.5f, 200);
  EXPECT_NE(refusal(std::move(zero)).find("zero point 200"), std::string::npos);
  XnnpackBlob bare;
  bare.value({2}, xnn::Datatype_qs8);
  EXPECT_NE(refusal(std::move(bare)).find("datatype qs8 without quantization"), std::string::npos);
  XnnpackBlob scales;
  const auto numbers = scales.data(std::vector<float>{1, 2});
  scales.quantized_as({3, 4}, xnn::Datatype_qcs8, 0, xnn::Quantization_PerChannel,
                      xnn::CreatePerChannel(scales.builder(), 0, 0, numbers, 2).Union());
  EXPECT_NE(refusal(std::move(scales)).find("2 scales (expected 3)"), std::string::npos);
  XnnpackBlob turned;
  const std::vector<uint32_t> perm = {0, 0};
  const uint32_t from = turned.input({2, 3}), to = turned.output({2, 3});
  turned.node(xnn::NodeKind_StaticTranspose, xnn::CreateStaticTransposeDirect(turned.builder(), 2, &perm, from, to));
  EXPECT_NE(refusal(std::move(turned)).find("no permutation"), std::string::npos);
}

TEST(XnnpackView, SurvivesAnyDamage) {
  const auto good = linear().finish();
  const size_t size = good.size() * 8;
  for (size_t at = 0; at < size; ++at)
    for (int damage : {0x01, 0x80, 0xff}) {
      auto blob = good;
      reinterpret_cast<unsigned char*>(blob.data())[at] ^= static_cast<unsigned char>(damage);
      const auto view = XnnpackView::open(bytes_of(blob));
      if (!view.ok()) continue;
      for (uint32_t id = 0; id < view->values(); ++id)
        if (const uint32_t index = view->value(id).constant_buffer_idx()) {
          EXPECT_LE(view->data(index).bytes.size(), size);
        }
    }
  for (size_t length = 0; length < size; ++length) (void)XnnpackView::open(bytes_of(good).first(length));
}

}  // namespace
}  // namespace portfire
