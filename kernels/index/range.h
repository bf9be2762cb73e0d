// Whether numbers are in range, for each ISA.
#pragma once

#include <cstdint>

namespace portfire::index {

// Are the n numbers all in [0, limit)? `limit` is at least 0.
bool all_below(const int64_t* numbers, int64_t n, int64_t limit);
bool all_below(const int32_t* numbers, int64_t n, int64_t limit);

}  // namespace portfire::index
