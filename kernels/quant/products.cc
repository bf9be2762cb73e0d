#include "kernels/quant/products.h"

#include <cstring>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/quant/products.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace quant8 {

using quant::kColumns;
using quant::kPanelColumns;
using quant::kPanelRows;
using quant::kRows;

using I32 = hn::ScalableTag<int32_t>;
using I16 = hn::Rebind<int16_t, I32>;  // as many as I32
using I8 = hn::Rebind<int8_t, I32>;
using W16 = hn::ScalableTag<int16_t>;  // whole vectors
using W8 = hn::Rebind<int8_t, W16>;

// sums: int32_t, of one group and without scales, or float (grouped_dots).
#if HWY_TARGET == HWY_SCALAR
template <size_t kCount, class T>
void dots_of(const int16_t* const* a, const int8_t* const* b, size_t groups, size_t length, const float* scales, T* sums) {
  for (size_t r = 0; r < kCount; ++r)
    for (size_t c = 0; c < kColumns; ++c) {
      T total = 0;
      for (size_t g = 0; g < groups; ++g) {
        int32_t sum = 0;
        for (size_t i = g * length; i < (g + 1) * length; ++i) sum += a[r][i] * b[c][i];
        total += scales ? static_cast<T>(static_cast<float>(sum) * scales[g * kColumns + c]) : static_cast<T>(sum);
      }
      sums[r * kColumns + c] = total;
    }
}
#else
using W32 = hn::RepartitionToWide<W16>;
using WF = hn::RebindToFloat<W32>;

// A pair of vectors: on some machines a widening product fills two.
#define PF_SUM(name, d) auto name = hn::Zero(d), name##_high = hn::Zero(d)
#define PF_ADD(name, d, x, y) name = hn::ReorderWidenMulAccumulate(d, x, y, name, name##_high)
// f(sum, row, column) for each of a tile
#define PF_EACH_SUM(f) f(s00, 0, 0) f(s01, 0, 1) f(s02, 0, 2) f(s03, 0, 3) f(s10, 1, 0) f(s11, 1, 1) f(s12, 1, 2) f(s13, 1, 3)

template <size_t kCount, class T>
HWY_INLINE void dots_of(const int16_t* const* a, const int8_t* const* b, size_t groups, size_t length, const float* scales, T* sums) {
  constexpr bool kGrouped = std::is_same_v<T, float>;
  const W16 d;
  const W8 d8;
  const WF f;
  const size_t lanes = hn::Lanes(d);
#define PF_TOTAL(name, row, column) auto name##_total = hn::Zero(f);
  PF_EACH_SUM(PF_TOTAL)
#undef PF_TOTAL
  for (size_t g = 0; g < groups; ++g) {
#define PF_BEGIN(name, row, column) PF_SUM(name, W32());
    PF_EACH_SUM(PF_BEGIN)
#undef PF_BEGIN
    auto step = [&](const int16_t* a0, const int16_t* a1, const int8_t* b0, const int8_t* b1, const int8_t* b2, const int8_t* b3) HWY_ATTR {
      const auto x0 = hn::LoadU(d, a0), x1 = hn::LoadU(d, kCount > 1 ? a1 : a0);
      const auto y0 = hn::PromoteTo(d, hn::LoadU(d8, b0));
      PF_ADD(s00, W32(), x0, y0);
      if constexpr (kCount > 1) PF_ADD(s10, W32(), x1, y0);
      const auto y1 = hn::PromoteTo(d, hn::LoadU(d8, b1));
      PF_ADD(s01, W32(), x0, y1);
      if constexpr (kCount > 1) PF_ADD(s11, W32(), x1, y1);
      const auto y2 = hn::PromoteTo(d, hn::LoadU(d8, b2));
      PF_ADD(s02, W32(), x0, y2);
      if constexpr (kCount > 1) PF_ADD(s12, W32(), x1, y2);
      const auto y3 = hn::PromoteTo(d, hn::LoadU(d8, b3));
      PF_ADD(s03, W32(), x0, y3);
      if constexpr (kCount > 1) PF_ADD(s13, W32(), x1, y3);
      (void)x1;
    };
    size_t i = g * length;
    const size_t end = i + length;
    for (; i + lanes <= end; i += lanes) step(a[0] + i, a[kCount - 1] + i, b[0] + i, b[1] + i, b[2] + i, b[3] + i);
    if (i < end) {  // the rest, with zeros behind it
      HWY_ALIGN int16_t x[kRows][HWY_LANES(int16_t)] = {};
      HWY_ALIGN int8_t y[kColumns][HWY_LANES(int8_t)] = {};
      for (size_t r = 0; r < kCount; ++r) std::memcpy(x[r], a[r] + i, (end - i) * sizeof(int16_t));
      for (size_t c = 0; c < kColumns; ++c) std::memcpy(y[c], b[c] + i, end - i);
      step(x[0], x[kCount - 1], y[0], y[1], y[2], y[3]);
    }
    // Scaled as vectors: each total is summed across its lanes once, whatever the number of groups.
#define PF_END(name, row, column)                                                                                                          \
  if constexpr (row < kCount) {                                                                                                            \
    const auto sum = hn::Add(name, name##_high);                                                                                           \
    if constexpr (kGrouped)                                                                                                                \
      name##_total = hn::MulAdd(hn::ConvertTo(f, sum), hn::Set(f, scales[g * kColumns + column]), name##_total);                           \
    else                                                                                                                                   \
      sums[row * kColumns + column] = hn::GetLane(hn::SumOfLanes(W32(), sum));                                                             \
  }
    PF_EACH_SUM(PF_END)
#undef PF_END
  }
#define PF_STORE(name, row, column) \
  if constexpr (kGrouped && row < kCount) sums[row * kColumns + column] = hn::GetLane(hn::SumOfLanes(f, name##_total));
  PF_EACH_SUM(PF_STORE)
#undef PF_STORE
}
#undef PF_EACH_SUM
#endif

void dots(const int16_t* const* a, size_t rows, const int8_t* const* b, size_t k, int32_t* sums) {
  rows == 1 ? dots_of<1>(a, b, 1, k, nullptr, sums) : dots_of<2>(a, b, 1, k, nullptr, sums);
}
void grouped_dots(const int16_t* const* a, size_t rows, const int8_t* const* b, size_t groups, size_t length, const float* scales, float* sums) {
  rows == 1 ? dots_of<1>(a, b, groups, length, scales, sums) : dots_of<2>(a, b, groups, length, scales, sums);
}

#if HWY_TARGET == HWY_SCALAR
void panel(const int16_t* const (&a)[kPanelRows], const int8_t* panel, size_t pairs, int32_t* const (&sums)[kPanelRows]) {
  for (size_t r = 0; r < kPanelRows; ++r)
    for (size_t c = 0; c < kPanelColumns; ++c) {
      int32_t sum = 0;
      for (size_t k = 0; k < 2 * pairs; ++k) sum += a[r][k] * panel[(k / 2 * kPanelColumns + c) * 2 + k % 2];
      sums[r][c] = sum;
    }
}
#else
// Two vectors of columns at a time: with four rows, eight sums stay in registers wherever there are sixteen. A pair of a row meets all
// columns at once, so nothing is summed across a vector.
void panel(const int16_t* const (&a)[kPanelRows], const int8_t* panel, size_t pairs, int32_t* const (&sums)[kPanelRows]) {
  const hn::CappedTag<int32_t, kPanelColumns / 2> d32;
  const hn::RepartitionToNarrow<decltype(d32)> d;
  const hn::Rebind<int8_t, decltype(d)> d8;
  const size_t lanes = hn::Lanes(d32);
  for (size_t c = 0; c < kPanelColumns; c += 2 * lanes) {
    PF_SUM(s00, d32);
    PF_SUM(s01, d32);
    PF_SUM(s10, d32);
    PF_SUM(s11, d32);
    PF_SUM(s20, d32);
    PF_SUM(s21, d32);
    PF_SUM(s30, d32);
    PF_SUM(s31, d32);
    const int8_t* from = panel + 2 * c;
    for (size_t p = 0; p < pairs; ++p, from += 2 * kPanelColumns) {
      const auto w0 = hn::PromoteTo(d, hn::LoadU(d8, from)), w1 = hn::PromoteTo(d, hn::LoadU(d8, from + 2 * lanes));
      const auto pair = [&](size_t r) HWY_ATTR {
        int32_t both;
        std::memcpy(&both, a[r] + 2 * p, sizeof both);
        return hn::BitCast(d, hn::Set(d32, both));
      };
      const auto x0 = pair(0), x1 = pair(1), x2 = pair(2), x3 = pair(3);
      PF_ADD(s00, d32, x0, w0);
      PF_ADD(s01, d32, x0, w1);
      PF_ADD(s10, d32, x1, w0);
      PF_ADD(s11, d32, x1, w1);
      PF_ADD(s20, d32, x2, w0);
      PF_ADD(s21, d32, x2, w1);
      PF_ADD(s30, d32, x3, w0);
      PF_ADD(s31, d32, x3, w1);
    }
#define PF_STORE(name, to) hn::StoreU(hn::RearrangeToOddPlusEven(name, name##_high), d32, to)
    PF_STORE(s00, sums[0] + c);
    PF_STORE(s01, sums[0] + c + lanes);
    PF_STORE(s10, sums[1] + c);
    PF_STORE(s11, sums[1] + c + lanes);
    PF_STORE(s20, sums[2] + c);
    PF_STORE(s21, sums[2] + c + lanes);
    PF_STORE(s30, sums[3] + c);
    PF_STORE(s31, sums[3] + c + lanes);
#undef PF_STORE
  }
}
#undef PF_SUM
#undef PF_ADD
#endif

// A product fits 16 bits: |x - zero| is 255 at most, |w| 128.
void weigh(const int8_t* const* x, const int16_t* const* w, size_t taps, size_t n, int32_t zero, int32_t* sums) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  {
    const W16 d;
    const W8 d8;
    const W32 d32;
    const auto z = hn::Set(d, static_cast<int16_t>(zero));
    for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
      auto low = hn::Zero(d32), high = low;
      for (size_t t = 0; t < taps; ++t) {
        const auto product = hn::Mul(hn::Sub(hn::PromoteTo(d, hn::LoadU(d8, x[t] + i)), z), hn::LoadU(d, w[t] + i));
        low = hn::Add(low, hn::PromoteTo(d32, hn::LowerHalf(product)));
        high = hn::Add(high, hn::PromoteTo(d32, hn::UpperHalf(hn::Half<W16>(), product)));
      }
      hn::StoreU(low, d32, sums + i);
      hn::StoreU(high, d32, sums + i + hn::Lanes(d32));
    }
  }
#endif
  const I32 d32;
  const I16 d;
  const I8 d8;
  const auto z = hn::Set(d, static_cast<int16_t>(zero));
  for (; i + hn::Lanes(d32) <= n; i += hn::Lanes(d32)) {
    auto sum = hn::Zero(d32);
    for (size_t t = 0; t < taps; ++t)
      sum = hn::Add(sum, hn::PromoteTo(d32, hn::Mul(hn::Sub(hn::PromoteTo(d, hn::LoadU(d8, x[t] + i)), z), hn::LoadU(d, w[t] + i))));
    hn::StoreU(sum, d32, sums + i);
  }
  for (; i < n; ++i) {
    sums[i] = 0;
    for (size_t t = 0; t < taps; ++t) sums[i] += (x[t][i] - zero) * w[t][i];
  }
}

}  // namespace quant8

const quant::Products* int8_products() {
  static constexpr quant::Products kProducts = {quant8::dots, quant8::grouped_dots, quant8::panel, quant8::weigh};
  return &kProducts;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(int8_products);
namespace quant {
const Products& products() { return *HWY_DYNAMIC_DISPATCH(int8_products)(); }
}  // namespace quant
}  // namespace portfire
#endif
