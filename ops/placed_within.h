// Places that data gives: numbers that are read from a tensor, of which nothing is known when compiling.
#pragma once

#include <cstdint>

namespace portfire::ops {

// `start`, once it is checked to be one of 0 to `last`. The checks name what they are of: `start` itself, and `last - start`.
template <class G>
typename G::Int placed_within(G& g, typename G::Int start, typename G::Int last, const char* of_start, const char* of_room) {
  g.all("portfire::check_range", start, 0, INT64_MAX, of_start);
  g.all("portfire::check_range", last - start, 0, INT64_MAX, of_room);
  return min(start, last);  // what has been checked, for the samples: they may be any
}

}  // namespace portfire::ops
