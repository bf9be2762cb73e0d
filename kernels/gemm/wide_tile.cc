#include "kernels/gemm/wide.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/wide_tile.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace wide {

using gemm::kTileRows;
using gemm::kWidth;
using gemm::Sum;
using gemm::WideTile;

template <class T>
using Tag = hn::CappedTag<T, 128 / sizeof(T)>;
template <class T>
using Vec = hn::Vec<Tag<T>>;

// a b + c
template <class T>
HWY_INLINE Vec<T> multiply_add(Tag<T>, Vec<T> a, Vec<T> b, Vec<T> c) {
  return hn::MulAdd(a, b, c);
}
template <>
HWY_INLINE Vec<int32_t> multiply_add<int32_t>(Tag<int32_t>, Vec<int32_t> a, Vec<int32_t> b, Vec<int32_t> c) {
  return hn::Add(hn::Mul(a, b), c);
}
// Of 64 bits few machines multiply: low low + ((low high + high low) << 32).
template <>
HWY_INLINE Vec<int64_t> multiply_add<int64_t>(Tag<int64_t> d, Vec<int64_t> a, Vec<int64_t> b, Vec<int64_t> c) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(d, static_cast<int64_t>(static_cast<uint64_t>(hn::GetLane(a)) * static_cast<uint64_t>(hn::GetLane(b)) +
                                         static_cast<uint64_t>(hn::GetLane(c))));
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  return hn::Add(c, Vec<int64_t>{_mm512_mullo_epi64(a.raw, b.raw)});
#else
  const hn::RepartitionToNarrow<hn::RebindToUnsigned<Tag<int64_t>>> half;
  const hn::RebindToUnsigned<Tag<int64_t>> whole;
  const auto al = hn::BitCast(half, a), bl = hn::BitCast(half, b);
  const auto ah = hn::BitCast(half, hn::ShiftRight<32>(hn::BitCast(whole, a))), bh = hn::BitCast(half, hn::ShiftRight<32>(hn::BitCast(whole, b)));
  const auto cross = hn::ShiftLeft<32>(hn::Add(hn::MulEven(al, bh), hn::MulEven(ah, bl)));
  return hn::Add(c, hn::BitCast(d, hn::Add(hn::MulEven(al, bl), cross)));
#endif
}

#define PF_WIDE_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5)

template <class T, bool kFar, int kM>
HWY_NOINLINE void tile_rows(const WideTile<T>& t) {
  const Tag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  // Two vectors of columns at a time; one where a vector is as wide as the panel, or has one lane.
  const int64_t step = 2 * lanes <= kWidth<T> ? 2 * lanes : lanes;
  for (int64_t column = 0; column < kWidth<T>; column += step) {
    const bool two = step > lanes;
    const T* b = t.panel + column;
    T* c = t.c + column;
#define PF_START(i)                                                                               \
  [[maybe_unused]] const T* a##i = t.a + (kM > i ? i : 0) * t.lda;                                \
  [[maybe_unused]] Vec<T> c##i##0 = kM > i && t.more ? hn::LoadU(d, c + (kM > i ? i : 0) * t.ldc) : hn::Zero(d); \
  [[maybe_unused]] Vec<T> c##i##1 = kM > i && t.more && two ? hn::LoadU(d, c + (kM > i ? i : 0) * t.ldc + lanes) : hn::Zero(d);
    PF_WIDE_ROWS(PF_START)
#undef PF_START
    for (int64_t k = 0; k < t.k; ++k) {
      if constexpr (kFar) b = t.panel + column + t.at[k];
      const Vec<T> b0 = hn::LoadU(d, b), b1 = two ? hn::LoadU(d, b + lanes) : b0;
#define PF_STEP(i)                                         \
  if constexpr (kM > i) {                                  \
    const Vec<T> a = hn::Set(d, a##i[k]);                  \
    c##i##0 = multiply_add<T>(d, a, b0, c##i##0);          \
    c##i##1 = multiply_add<T>(d, a, b1, c##i##1);          \
  }
      PF_WIDE_ROWS(PF_STEP)
#undef PF_STEP
      if constexpr (!kFar) b += kWidth<T>;
    }
#define PF_STORE(i)                                                \
  if constexpr (kM > i) {                                          \
    hn::StoreU(c##i##0, d, c + i * t.ldc);                         \
    if (two) hn::StoreU(c##i##1, d, c + i * t.ldc + lanes);        \
  }
    PF_WIDE_ROWS(PF_STORE)
#undef PF_STORE
  }
}

template <class T, bool kFar>
void tile_as(const WideTile<T>& t) {
  switch (t.rows) {
    case 1: return tile_rows<T, kFar, 1>(t);
    case 2: return tile_rows<T, kFar, 2>(t);
    case 3: return tile_rows<T, kFar, 3>(t);
    case 4: return tile_rows<T, kFar, 4>(t);
    case 5: return tile_rows<T, kFar, 5>(t);
    default: return tile_rows<T, kFar, 6>(t);
  }
}
template <class T>
void tile(const WideTile<T>& t) {
  if constexpr (std::is_floating_point_v<T>)
    if (t.at) return tile_as<T, true>(t);
  if constexpr (!std::is_same_v<T, float>) tile_as<T, false>(t);
}

// Four sums: one would wait for each addition before the next.
template <class T>
Sum<T> dot(const T* x, const T* y, int64_t n) {
  const Tag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  Vec<T> s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = multiply_add<T>(d, hn::LoadU(d, x + i), hn::LoadU(d, y + i), s0);
    s1 = multiply_add<T>(d, hn::LoadU(d, x + i + lanes), hn::LoadU(d, y + i + lanes), s1);
    s2 = multiply_add<T>(d, hn::LoadU(d, x + i + 2 * lanes), hn::LoadU(d, y + i + 2 * lanes), s2);
    s3 = multiply_add<T>(d, hn::LoadU(d, x + i + 3 * lanes), hn::LoadU(d, y + i + 3 * lanes), s3);
  }
  for (; i + lanes <= n; i += lanes) s0 = multiply_add<T>(d, hn::LoadU(d, x + i), hn::LoadU(d, y + i), s0);
  using U = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
  U sum = static_cast<U>(hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)))));
  for (; i < n; ++i) sum += static_cast<U>(x[i]) * static_cast<U>(y[i]);
  return static_cast<Sum<T>>(sum);
}

template <class T>
void add_scaled(T* y, T a, const T* x, int64_t n) {
  const Tag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const Vec<T> by = hn::Set(d, a);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(multiply_add<T>(d, by, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  using U = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
  for (; i < n; ++i) y[i] = static_cast<T>(static_cast<U>(y[i]) + static_cast<U>(a) * static_cast<U>(x[i]));
}

}  // namespace wide

gemm::WideFunctions<float> wide_f32() { return {wide::tile<float>, wide::dot<float>, wide::add_scaled<float>}; }
gemm::WideFunctions<double> wide_f64() { return {wide::tile<double>, wide::dot<double>, wide::add_scaled<double>}; }
gemm::WideFunctions<int32_t> wide_i32() { return {wide::tile<int32_t>, wide::dot<int32_t>, wide::add_scaled<int32_t>}; }
gemm::WideFunctions<int64_t> wide_i64() { return {wide::tile<int64_t>, wide::dot<int64_t>, wide::add_scaled<int64_t>}; }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(wide_f32);
HWY_EXPORT(wide_f64);
HWY_EXPORT(wide_i32);
HWY_EXPORT(wide_i64);
namespace gemm {
template <>
WideFunctions<float> wide_functions() { return HWY_DYNAMIC_DISPATCH(wide_f32)(); }
template <>
WideFunctions<double> wide_functions() { return HWY_DYNAMIC_DISPATCH(wide_f64)(); }
template <>
WideFunctions<int32_t> wide_functions() { return HWY_DYNAMIC_DISPATCH(wide_i32)(); }
template <>
WideFunctions<int64_t> wide_functions() { return HWY_DYNAMIC_DISPATCH(wide_i64)(); }
}  // namespace gemm
}  // namespace portfire
#endif
