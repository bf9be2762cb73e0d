// The maximum of a few elements, and where the first of it is; of NaN the last.
#pragma once

#include <cstdint>

namespace portfire::spatial {

// Of `count` lines the elements begin, begin + step, ..., `wide` of them; line j begins at place firsts[j]. Both counts known when
// compiling make it several times faster. `place` may be null.
template <class T, class Count>
[[gnu::always_inline]] inline void small_window(const T* const* lines, const int64_t* firsts, Count count, int64_t begin, Count wide, int64_t step, T* out, int64_t* place) {
  // The value first, then where it is: nothing waits for a comparison, and no branch depends on data.
  T most = lines[0][begin], sum = 0;
  for (int64_t j = 0; j < count; ++j)
    for (int64_t k = 0; k < wide; ++k) {
      const T v = lines[j][begin + k * step];
      most = v > most ? v : most;
      sum += v;
    }
  uint64_t least = ~uint64_t{0};
  if (sum != sum) {  // there may be NaN
    for (int64_t j = 0; j < count; ++j)
      for (int64_t k = 0; k < wide; ++k)
        if (const T v = lines[j][begin + k * step]; v != v) {
          most = v;
          least = static_cast<uint64_t>(firsts[j] + begin + k * step);
        }
  }
  if (place && most == most)
    for (int64_t j = 0; j < count; ++j)
      for (int64_t k = 0; k < wide; ++k) {
        const uint64_t at = static_cast<uint64_t>(firsts[j] + begin + k * step) | (uint64_t{0} - static_cast<uint64_t>(lines[j][begin + k * step] != most));
        least = at < least ? at : least;
      }
  *out = most;
  if (place) *place = static_cast<int64_t>(least);
}

}  // namespace portfire::spatial
