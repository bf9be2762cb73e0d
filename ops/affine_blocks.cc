#include "ops/affine_blocks.h"

#include <limits>

namespace portfire::ops {

Error Blocks::tiles(const TensorView& x, std::span<const int64_t> sizes, Blocks* out) {
  if (static_cast<int>(sizes.size()) != x.rank())
    return Error::make(Code::bad_argument, "%zu block sizes for %s", sizes.size(), TypeText(x).c_str());
  Blocks b = whole();
  for (int d = x.rank() - 1; d >= 0; --d) {
    const int64_t size = sizes[static_cast<size_t>(d)];
    if (size < 1 ? size != 0 || x.size(d) != 0 : x.size(d) % size != 0)
      return Error::make(Code::bad_argument, "blocks of %lld at dim %d of %s (expected a divisor)", static_cast<long long>(size), d,
                         TypeText(x).c_str());
    b.size[d] = std::max<int64_t>(size, 1);
    b.step[d] = b.count;
    b.count *= x.size(d) / b.size[d];
  }
  *out = b;
  return {};
}

Error check_scales(const TensorView& t, int64_t count) {
  if (is_floating(t.dtype) && t.numel() == count) return {};
  return Error::make(Code::bad_argument, "scales %s (expected %lld of floating dtype)", TypeText(t).c_str(), static_cast<long long>(count));
}

Error check_zero_points(const TensorView& t, int64_t count) {
  if (!is_complex(t.dtype) && t.dtype != DType::boolean && t.numel() == count) return {};
  return Error::make(Code::bad_argument, "zero points %s (expected %lld of them)", TypeText(t).c_str(), static_cast<long long>(count));
}

bool quantized_range(DType dtype, int64_t* low, int64_t* high) {
  const auto is = [&](auto type) {
    *low = std::numeric_limits<decltype(type)>::min();
    *high = std::numeric_limits<decltype(type)>::max();
    return true;
  };
  switch (dtype) {
    case DType::u8: return is(uint8_t());
    case DType::i8: return is(int8_t());
    case DType::i16: return is(int16_t());
    case DType::u16: return is(uint16_t());
    case DType::i32: return is(int32_t());
    default: return false;
  }
}

}  // namespace portfire::ops
