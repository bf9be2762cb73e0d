#include "kernels/gemm/bf16_decode.h"

#include "kernels/gemm/bf16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/bf16_decode.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using gemm::FewRows;
using gemm::kPairPanel;
using DecodeTag = hn::CappedTag<float, 16>;
using WordTag = hn::RebindToUnsigned<DecodeTag>;
using DecodeVec = hn::Vec<DecodeTag>;
using WordVec = hn::Vec<WordTag>;

// A word holds a column's weights for an even k and the k behind it.
HWY_INLINE DecodeVec even_of(WordVec words) { return hn::BitCast(DecodeTag(), hn::ShiftLeft<16>(words)); }
HWY_INLINE DecodeVec odd_of(WordVec words) { return hn::BitCast(DecodeTag(), hn::And(words, hn::Set(WordTag(), 0xffff0000u))); }
HWY_INLINE const uint32_t* words_at(const uint16_t* panel, size_t k) { return reinterpret_cast<const uint32_t*>(panel) + k / 2 * kPairPanel; }

void decode(const uint16_t* panel, size_t k0, size_t k1, float* HWY_RESTRICT to) {
  const DecodeTag d;
  const WordTag w;
  const size_t lanes = hn::Lanes(d);
  size_t k = k0;
  if (k % 2 && k < k1) {
    for (size_t j = 0; j < kPairPanel; j += lanes) hn::Store(odd_of(hn::LoadU(w, words_at(panel, k) + j)), d, to + j);
    ++k;
    to += gemm::kPanel;
  }
  for (; k + 2 <= k1; k += 2, to += 2 * gemm::kPanel)
    for (size_t j = 0; j < kPairPanel; j += lanes) {
      const WordVec words = hn::LoadU(w, words_at(panel, k) + j);
      hn::Store(even_of(words), d, to + j);
      hn::Store(odd_of(words), d, to + gemm::kPanel + j);
    }
  if (k < k1)
    for (size_t j = 0; j < kPairPanel; j += lanes) hn::Store(even_of(hn::LoadU(w, words_at(panel, k) + j)), d, to + j);
}

#define PF_ROWS(X) X(0) X(1) X(2) X(3)
#define PF_VECTORS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define PF_VECTORS_OF(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3) X(i, 4) X(i, 5) X(i, 6) X(i, 7)

// kVectors vectors of kM rows.
template <size_t kM, size_t kVectors>
HWY_NOINLINE void few_vectors(const FewRows& r) {
  const DecodeTag d;
  const WordTag w;
  const size_t lanes = hn::Lanes(d), step = gemm::pair_panel_size(r.k), last = (r.column + r.columns - 1) / lanes * lanes;
#define PF_PANEL(v)                                                                                                 \
  [[maybe_unused]] const size_t at##v = HWY_MIN(r.column + v * lanes, last);                                         \
  [[maybe_unused]] const uint32_t* HWY_RESTRICT b##v = words_at(r.packed + at##v / kPairPanel * step, 0) + at##v % kPairPanel;
  PF_VECTORS(PF_PANEL)
#undef PF_PANEL
#define PF_SUM(i, v) [[maybe_unused]] DecodeVec c##i##v = hn::Zero(d);
#define PF_ROW(i)                                                            \
  [[maybe_unused]] const float* HWY_RESTRICT a##i = r.rows[kM > i ? i : 0];   \
  PF_VECTORS_OF(PF_SUM, i)
  PF_ROWS(PF_ROW)
#undef PF_ROW
#undef PF_SUM
  // Row k of the weights, then of every row of A one number times it: 8 sums and the weights fit into 16 registers.
#define PF_EVEN(v) [[maybe_unused]] const DecodeVec x##v = kVectors > v ? even_of(hn::LoadU(w, b##v + k / 2 * kPairPanel)) : hn::Zero(d);
#define PF_ODD(v) [[maybe_unused]] const DecodeVec x##v = kVectors > v ? odd_of(hn::LoadU(w, b##v + k / 2 * kPairPanel)) : hn::Zero(d);
#define PF_ADD(i, v) \
  if constexpr (kVectors > v) c##i##v = hn::MulAdd(a, x##v, c##i##v);
#define PF_ADD_ROW(i)                     \
  if constexpr (kM > i) {                 \
    const DecodeVec a = hn::Set(d, a##i[k]); \
    PF_VECTORS_OF(PF_ADD, i)              \
  }
  size_t k = 0;
  // One row takes a pair of each vector at a time: eight vectors' weights would not fit beside their sums.
#define PF_PAIR(v)                                                                                                        \
  if constexpr (kVectors > v) {                                                                                           \
    const WordVec words = hn::LoadU(w, b##v + k / 2 * kPairPanel);                                                         \
    c0##v = hn::MulAdd(hn::Set(d, a0[k + 1]), odd_of(words), hn::MulAdd(hn::Set(d, a0[k]), even_of(words), c0##v));       \
  }
  for (; kM == 1 && k + 2 <= r.k; k += 2) {
    PF_VECTORS(PF_PAIR)
  }
#undef PF_PAIR
  while (k + 2 <= r.k) {
    {
      PF_VECTORS(PF_EVEN)
      PF_ROWS(PF_ADD_ROW)
    }
    ++k;
    PF_VECTORS(PF_ODD)
    PF_ROWS(PF_ADD_ROW)
    ++k;
  }
  if (k < r.k) {
    PF_VECTORS(PF_EVEN)
    PF_ROWS(PF_ADD_ROW)
  }
#undef PF_ADD_ROW
#undef PF_ADD
#undef PF_ODD
#undef PF_EVEN
#define PF_STORE(i, v) \
  if constexpr (kM > i && kVectors > v) hn::StoreU(c##i##v, d, r.sums + i * gemm::kFewColumns + v * lanes);
#define PF_STORE_ROW(i) PF_VECTORS_OF(PF_STORE, i)
  PF_ROWS(PF_STORE_ROW)
#undef PF_STORE_ROW
#undef PF_STORE
}

void run_few(const FewRows& r) {
  switch (r.m) {
    case 1: return few_vectors<1, 8>(r);
    case 2: return r.columns > 2 * hn::Lanes(DecodeTag()) ? few_vectors<2, 4>(r) : few_vectors<2, 2>(r);
    case 3: return few_vectors<3, 2>(r);
    case 4: return few_vectors<4, 2>(r);
    default: return;
  }
}

size_t get_few_columns(size_t m) { return (m == 1 ? 8 : m == 2 ? 4 : 2) * hn::Lanes(DecodeTag()); }
gemm::DecodeFn get_decode() { return &decode; }
gemm::FewRowsFn get_few() { return &run_few; }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(get_few_columns);
HWY_EXPORT(get_decode);
HWY_EXPORT(get_few);
namespace gemm {
DecodeFn decode_fn() { return HWY_DYNAMIC_DISPATCH(get_decode)(); }
FewRowsFn few_rows_fn() { return HWY_DYNAMIC_DISPATCH(get_few)(); }
size_t few_columns(size_t m) { return HWY_DYNAMIC_DISPATCH(get_few_columns)(m); }
}  // namespace gemm
}  // namespace portfire
#endif
