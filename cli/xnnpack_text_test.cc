#include "cli/xnnpack_text.h"

#include <gtest/gtest.h>

#include "format/xnnpack_case.h"

namespace portfire::cli {
namespace {

TEST(XnnpackText, ValuesAndNodes) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({1, 4, 4, 3}), w = blob.constant({8, 1, 1, 3}, std::vector<float>(24)), y = blob.value({1, 4, 4, 8});
  const uint32_t q = blob.quantized({1, 4, 4, 8}, 0.5f, 3), z = blob.output({1, 4, 4, 8});
  auto& b = blob.builder();
  blob.node(xnn::NodeKind_Conv2d,
            xnn::CreateConvolution(b, 1, 0, 1, 0, 1, 1, 2, 2, 1, 1, 3, 8, 1, 0, 0, x, w, kNoXnnpackId, y), 0.0f, 6.0f);
  blob.unary(xnn::NodeKind_Convert, y, q);
  blob.unary(xnn::NodeKind_Convert, q, z);
  const std::string text = xnnpack_text(bytes_of(blob.finish()));
  EXPECT_EQ(text,
            "    value 0 : f32[1,4,4,3], argument at place 0\n"
            "    value 1 : f32[8,1,1,3], constant 96 bytes\n"
            "    value 2 : f32[1,4,4,8]\n"
            "    value 3 : qs8[1,4,4,8], scale 0.5, zero point 3\n"
            "    value 4 : f32[1,4,4,8], result at place 1\n"
            "    node   0 2 = Conv2d(0, 1, none, kernel 1x1, stride 2x2, padding 1,0,1,0, clamped to 0..6)\n"
            "    node   1 3 = Convert(2)\n"
            "    node   2 4 = Convert(3)\n");
}

TEST(XnnpackText, AtAnyAddressAndDamaged) {
  XnnpackBlob blob;
  const uint32_t x = blob.input({4}), y = blob.output({4});
  blob.unary(xnn::NodeKind_Abs, x, y);
  const std::vector<uint64_t> bytes = blob.finish();
  std::vector<std::byte> odd(bytes.size() * 8 + 1);
  std::memcpy(odd.data() + 1, bytes.data(), bytes.size() * 8);
  EXPECT_EQ(xnnpack_text(std::span(odd).subspan(1)), xnnpack_text(bytes_of(bytes)));
  EXPECT_NE(xnnpack_text(std::span(odd).subspan(1)).find("node   0 1 = Abs(0)"), std::string::npos);
  for (const size_t size : {size_t{0}, size_t{8}, odd.size() / 2}) {
    const std::string text = xnnpack_text(std::span(odd).subspan(1, size));
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text.find("node "), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace portfire::cli
