// How torchao's kernels for CPUs lay numbers of 1 to 8 bits into bytes: sets of 128, 64 or 32 values, cut into vectors of 16, 8 or 1
// consecutive ones, of which a byte holds pieces of the same lane. What a set of 128 looks like:
//   4 bits: byte 16 c + i holds value 32 c + i in its lower half and value 32 c + 16 + i in its upper half.
//   3 bits: lane i's values v0 = u[i], v1 = u[16 + i], ... v7 are bytes i, 16 + i and 32 + i: v0 and v1 with the low bits of v6 above
//           them, v2 and v3 with those of v7, v4 and v5 with the top bits of v7 and v6.
#pragma once

#include <cstdint>

namespace portfire::ops {

// Bytes of `count` values.
constexpr int64_t packed_bytes(int bits, int64_t count) { return count * bits / 8; }

// Reads `count` (128, 64 or 32) values of `bits` (1 to 7) as they are stored, 0 to 2^bits - 1; of 8, the bytes.
void unpack_set(int bits, int count, const uint8_t* from, uint8_t* to);

}  // namespace portfire::ops
