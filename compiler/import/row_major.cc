#include "compiler/import/row_major.h"

#include <cstring>

namespace portfire::import {

void copy_row_major(const TensorView& from, std::byte* to) {
  const size_t size = byte_size(from.dtype);
  int64_t at[kMaxRank] = {};
  for (int64_t n = from.numel(); n > 0; --n) {
    int64_t offset = 0;
    for (int d = 0; d < from.rank(); ++d) offset += at[d] * from.strides[d];
    std::memcpy(to, from.as<std::byte>() + offset * static_cast<int64_t>(size), size);
    to += size;
    for (int d = from.rank() - 1; d >= 0 && ++at[d] == from.size(d); --d) at[d] = 0;
  }
}

}  // namespace portfire::import
