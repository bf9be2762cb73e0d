#include "cli/json.h"

#include <gtest/gtest.h>

namespace portfire::cli {
namespace {

TEST(JsonText, EscapesWhatJsonWants) { EXPECT_EQ(json_text("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\u000a\\u0001\""); }

TEST(JsonText, HoldsNoMarkup) {
  const std::string text = json_text("</script><!--&amp;");
  EXPECT_EQ(text.find_first_of("<>&"), std::string::npos) << text;
  EXPECT_EQ(text, "\"\\u003c/script\\u003e\\u003c!--\\u0026amp;\"");
}

TEST(JsonText, IsUtf8WhateverComes) {
  EXPECT_EQ(json_text("Größe \xe2\x82\xac \xf0\x9f\x98\x80"), "\"Größe \xe2\x82\xac \xf0\x9f\x98\x80\"");
  EXPECT_EQ(json_text("\xff"), "\"\\ufffd\"");
  EXPECT_EQ(json_text("\xe2\x82"), "\"\\ufffd\\ufffd\"");          // cut
  EXPECT_EQ(json_text("\xc0\xaf"), "\"\\ufffd\\ufffd\"");          // longer than need be
  EXPECT_EQ(json_text("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");  // half a surrogate pair
  EXPECT_EQ(json_text("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

}  // namespace
}  // namespace portfire::cli
