// How much of a buffer is in use over time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace portfire::cli {

// Bytes [begin, end), from one step to another, both included.
struct Span {
  uint64_t begin, end;
  size_t from, to;
};

// Of each of `steps` steps: the bytes that at least one span covers. n log n in the number of spans.
std::vector<uint64_t> covered(std::span<const Span> spans, size_t steps);

}  // namespace portfire::cli
