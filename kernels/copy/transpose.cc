// Transposition in blocks of whole cache lines: every line is read once and written once, whatever the
// strides (those that are powers of two put all lines of a block into one set of the cache). Between
// lies a buffer in L1, filled by squares that vectors of 16 bytes transpose among themselves.
#include "kernels/copy/strided.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/copy/transpose.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/pointwise/plain_loop.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Line = hn::CappedTag<T, 16 / sizeof(T)>;

#if HWY_TARGET != HWY_SCALAR  // which has one lane

// Squares of 16 / sizeof(T) elements: to[r * to_stride + c] = from[c * from_stride + r].
HWY_INLINE void square(const uint64_t* from, int64_t from_stride, uint64_t* to, int64_t to_stride) {
  const Line<uint64_t> d;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_stride);
  hn::StoreU(hn::InterleaveLower(d, a, b), d, to);
  hn::StoreU(hn::InterleaveUpper(d, a, b), d, to + to_stride);
}
HWY_INLINE void square(const uint32_t* from, int64_t from_stride, uint32_t* to, int64_t to_stride) {
  const Line<uint32_t> d;
  const Line<uint64_t> pair;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_stride);
  const auto e = hn::LoadU(d, from + 2 * from_stride), f = hn::LoadU(d, from + 3 * from_stride);
  const auto ab = hn::BitCast(pair, hn::InterleaveLower(d, a, b)), ef = hn::BitCast(pair, hn::InterleaveLower(d, e, f));
  const auto AB = hn::BitCast(pair, hn::InterleaveUpper(d, a, b)), EF = hn::BitCast(pair, hn::InterleaveUpper(d, e, f));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pair, ab, ef)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pair, ab, ef)), d, to + to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pair, AB, EF)), d, to + 2 * to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pair, AB, EF)), d, to + 3 * to_stride);
}
// Pairs of columns become columns of pairs; then as above, for the upper and the lower four rows.
HWY_INLINE void square(const uint16_t* from, int64_t from_stride, uint16_t* to, int64_t to_stride) {
  const Line<uint16_t> d;
  HWY_ALIGN uint32_t low[16], high[16];
  const Line<uint32_t> pair;
  for (int64_t k = 0; k < 4; ++k) {
    const auto a = hn::LoadU(d, from + 2 * k * from_stride), b = hn::LoadU(d, from + (2 * k + 1) * from_stride);
    hn::Store(hn::BitCast(pair, hn::InterleaveLower(d, a, b)), pair, low + 4 * k);
    hn::Store(hn::BitCast(pair, hn::InterleaveUpper(d, a, b)), pair, high + 4 * k);
  }
  HWY_ALIGN uint32_t rows[32];
  square(low, 4, rows, 4);
  square(high, 4, rows + 16, 4);
  for (int64_t r = 0; r < 8; ++r) hn::StoreU(hn::BitCast(d, hn::Load(pair, rows + 4 * r)), d, to + r * to_stride);
}

// One block of lines, by way of the buffer unless `to` is in L1 as that is.
template <class T>
HWY_INLINE void full_block(const T* from, int64_t from_stride, T* to, int64_t to_stride, bool near) {
  constexpr int64_t kLine = 64 / sizeof(T), kSide = 16 / sizeof(T);
  if (sizeof(T) > 2 && near) {
    for (int64_t j = 0; j < kLine; j += kSide)
      for (int64_t i = 0; i < kLine; i += kSide) square(from + j * from_stride + i, from_stride, to + i * to_stride + j, to_stride);
    return;
  }
  HWY_ALIGN T block[kLine * kLine];
  for (int64_t j = 0; j < kLine; j += kSide)
    for (int64_t i = 0; i < kLine; i += kSide) square(from + j * from_stride + i, from_stride, block + i * kLine + j, kLine);
  const Line<T> d;
  for (int64_t i = 0; i < kLine; ++i)
    for (int64_t j = 0; j < kLine; j += kSide) hn::StoreU(hn::Load(d, block + i * kLine + j), d, to + i * to_stride + j);
}

#endif

template <class T>
void transpose_blocks(void* to_bytes, int64_t to_stride, const void* from_bytes, int64_t from_stride, int64_t rows, int64_t columns) {
  constexpr int64_t kLine = 64 / sizeof(T);
  [[maybe_unused]] const bool near = sizeof(T) > 2 && rows <= 64 && to_stride * rows * static_cast<int64_t>(sizeof(T)) <= 8192;
  for (int64_t c = 0; c < columns; c += kLine) {
    const int64_t wide = columns - c < kLine ? columns - c : kLine;
    for (int64_t r = 0; r < rows; r += kLine) {
      const int64_t high = rows - r < kLine ? rows - r : kLine;
      const T* from = static_cast<const T*>(from_bytes) + c * from_stride + r;
      T* to = static_cast<T*>(to_bytes) + r * to_stride + c;
#if HWY_TARGET != HWY_SCALAR
      if (high == kLine && wide == kLine) {
        full_block(from, from_stride, to, to_stride, near);
        continue;
      }
#endif
      for (int64_t i = 0; i < high; ++i)
        for (int64_t j = 0; j < wide; ++j) to[i * to_stride + j] = from[j * from_stride + i];
    }
  }
}

void transpose_elements(void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t rows, int64_t columns, size_t element) {
  if (element == 8) return transpose_blocks<uint64_t>(to, to_stride, from, from_stride, rows, columns);
  if (element == 4) return transpose_blocks<uint32_t>(to, to_stride, from, from_stride, rows, columns);
  transpose_blocks<uint16_t>(to, to_stride, from, from_stride, rows, columns);
}

void reverse_elements(void* to, const void* last, int64_t n, size_t element) {
  auto run = [&](auto* out, const auto* in) {
    PF_PLAIN_LOOP
    for (int64_t i = 0; i < n; ++i) out[i] = in[-i];
  };
  if (element == 8) return run(static_cast<uint64_t*>(to), static_cast<const uint64_t*>(last));
  if (element == 4) return run(static_cast<uint32_t*>(to), static_cast<const uint32_t*>(last));
  if (element == 2) return run(static_cast<uint16_t*>(to), static_cast<const uint16_t*>(last));
  run(static_cast<uint8_t*>(to), static_cast<const uint8_t*>(last));
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(transpose_elements);
HWY_EXPORT(reverse_elements);
namespace copy {
void transpose(void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t rows, int64_t columns, size_t element) {
  HWY_DYNAMIC_DISPATCH(transpose_elements)(to, to_stride, from, from_stride, rows, columns, element);
}
void reverse(void* to, const void* last, int64_t n, size_t element) {
  HWY_DYNAMIC_DISPATCH(reverse_elements)(to, last, n, element);
}
}  // namespace copy
}  // namespace portfire
#endif
