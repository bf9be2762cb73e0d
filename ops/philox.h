// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011,
// section 5.3): random bits as a function of a counter, so element i of a call needs no other element.
#pragma once

#include <cstdint>

namespace portfire::ops {

struct Bits128 {
  uint32_t word[4];
};

inline Bits128 philox(uint64_t low, uint64_t high, uint64_t key) {
  constexpr uint32_t kMultiply[] = {0xD2511F53, 0xCD9E8D57}, kWeyl[] = {0x9E3779B9, 0xBB67AE85};
  Bits128 c{{static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32), static_cast<uint32_t>(high),
             static_cast<uint32_t>(high >> 32)}};
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{kMultiply[0]} * c.word[0], p1 = uint64_t{kMultiply[1]} * c.word[2];
    c = {{static_cast<uint32_t>(p1 >> 32) ^ c.word[1] ^ k0, static_cast<uint32_t>(p1),
          static_cast<uint32_t>(p0 >> 32) ^ c.word[3] ^ k1, static_cast<uint32_t>(p0)}};
    k0 += kWeyl[0], k1 += kWeyl[1];
  }
  return c;
}

}  // namespace portfire::ops
