#include "core/crc32c.h"

#include <chrono>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace portfire {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

// Bit by bit, from the definition.
uint32_t slow(std::span<const std::byte> bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const std::byte b : bytes) {
    crc ^= static_cast<uint8_t>(b);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
  }
  return ~crc;
}

std::vector<std::byte> some(size_t n) {
  std::vector<std::byte> bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::byte>(i * i * 31 + i * 7 + 3);
  return bytes;
}

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0})), 0x8A9136AAu);     // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0xFF})), 0x62A8AB43u);
}

TEST(Crc32c, AsTheDefinitionAtEveryLengthAndPlace) {
  const auto bytes = some(80);
  for (size_t from = 0; from < 9; ++from)
    for (size_t n = 0; from + n <= bytes.size(); ++n) {
      const auto part = std::span(bytes).subspan(from, n);
      ASSERT_EQ(crc32c(part), slow(part)) << from << " " << n;
    }
}

TEST(Crc32c, InParts) {
  const auto bytes = some(61);
  const auto all = std::span<const std::byte>(bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) ASSERT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all));
}

#if defined(NDEBUG) && !defined(PORTFIRE_SANITIZE)
// Checkpoints of gigabytes are verified when they are opened. What it does here is printed; a busy machine takes longer.
TEST(Crc32c, IsFast) {
  const auto bytes = some(8 << 20);
  double best = 0;
  uint32_t sum = 0;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    sum ^= crc32c(bytes);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(bytes.size()) / took.count() / 1e9);
  }
  EXPECT_NE(sum, 0u);
  RecordProperty("gigabytes_per_second", std::to_string(best));
  printf("crc32c: %.2f GB/s\n", best);
  EXPECT_GT(best, 0.1);
}
#endif

}  // namespace
}  // namespace portfire
