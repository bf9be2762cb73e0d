// Scratch memory is divided into parts that begin at cache lines of their own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portfire {

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
// Bytes, and numbers of 4 or 8 bytes, up to whole cache lines.
inline size_t whole_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }
inline size_t padded(int64_t numbers) { return static_cast<size_t>(round_up(numbers, 16)); }
inline size_t padded(size_t numbers) { return padded(static_cast<int64_t>(numbers)); }

}  // namespace portfire
