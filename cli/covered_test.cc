#include "cli/covered.h"

#include <set>

#include <gtest/gtest.h>

namespace portfire::cli {
namespace {

TEST(Covered, NothingIsNothing) {
  EXPECT_EQ(covered({}, 2), (std::vector<uint64_t>{0, 0}));
  EXPECT_TRUE(covered({}, 0).empty());
}

TEST(Covered, OverlapCountsOnce) {
  const std::vector<Span> spans{{0, 10, 0, 1}, {5, 15, 1, 2}, {40, 40, 0, 2}};
  EXPECT_EQ(covered(spans, 3), (std::vector<uint64_t>{10, 15, 10}));
}

TEST(Covered, AsCountedByteByByte) {
  unsigned state = 1;
  auto next = [&] { return (state = state * 1664525 + 1013904223) >> 16; };
  for (int round = 0; round < 20; ++round) {
    std::vector<Span> spans;
    for (int i = 0; i < 40; ++i) {
      const uint64_t begin = next() % 64, bytes = next() % 16;
      const size_t from = next() % 12;
      spans.push_back({begin, begin + bytes, from, std::min<size_t>(11, from + next() % 6)});
    }
    const std::vector<uint64_t> fast = covered(spans, 12);
    for (size_t step = 0; step < 12; ++step) {
      std::set<uint64_t> bytes;
      for (const Span& s : spans)
        if (s.from <= step && step <= s.to)
          for (uint64_t b = s.begin; b < s.end; ++b) bytes.insert(b);
      EXPECT_EQ(fast[step], bytes.size()) << round << " " << step;
    }
  }
}

}  // namespace
}  // namespace portfire::cli
