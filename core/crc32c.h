// CRC-32C (Castagnoli's polynomial 0x1EDC6F41, bits reflected; RFC 3720 appendix B.4 has test vectors): finds every
// damage of up to 32 bits in a row, and others but for one in 2^32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace portfire {

// Of `bytes` after those whose checksum is `before`: crc32c(b, crc32c(a)) is that of a and b together.
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t before = 0);

}  // namespace portfire
