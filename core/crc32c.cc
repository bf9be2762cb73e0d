#include "core/crc32c.h"

#include <array>
#include <cstring>

namespace portfire {
namespace {

constexpr uint32_t kReflected = 0x82F63B78;
constexpr size_t kStep = 16;

// tables[k][b]: what byte b leaves in the register after k zero bytes behind it. Sixteen bytes then take sixteen look-ups
// that do not wait for each other; 16 KiB of tables are half of a first-level cache.
constexpr auto make_tables() {
  std::array<std::array<uint32_t, 256>, kStep> tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t v = b;
    for (int bit = 0; bit < 8; ++bit) v = v & 1 ? v >> 1 ^ kReflected : v >> 1;
    tables[0][b] = v;
  }
  for (size_t k = 1; k < kStep; ++k)
    for (size_t b = 0; b < 256; ++b) tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 255];
  return tables;
}
constexpr auto kTables = make_tables();

}  // namespace

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t before) {
  uint32_t crc = ~before;
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= kStep; left -= kStep, at += kStep) {
    uint64_t words[2];  // little-endian, as all that Portfire runs on
    std::memcpy(words, at, sizeof words);
    words[0] ^= crc;
    crc = 0;
    for (size_t k = 0; k < kStep; ++k) crc ^= kTables[kStep - 1 - k][words[k / 8] >> (8 * (k % 8)) & 255];
  }
  for (; left > 0; --left, ++at) crc = crc >> 8 ^ kTables[0][(crc ^ static_cast<uint8_t>(*at)) & 255];
  return ~crc;
}

}  // namespace portfire
