// The micro-kernel, for every ISA.
#include "kernels/gemm/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/tile.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/gemm/epilogue-inl.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

using gemm::kPanel;
using gemm::kRows;
using gemm::Tile;

// How many rows of 2 vectors fit into the registers: 16 on these, 32 on others.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3
constexpr size_t kFit = 6;
#else
constexpr size_t kFit = kRows;
#endif

#define PF_TILE_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

// Where A's rows are: in lists; equally far from each other, of one tap; or side by side, as pack_left has them.
enum class Rows { listed, spaced, packed };

// `tiles` tiles of kM rows below each other, from row `first` on, the `index`-th and on of the strip. kVectors: 1 or 2.
// kWhole: both are full.
template <size_t kM, size_t kVectors, bool kWhole, Rows kA>
HWY_NOINLINE void tile_vectors(const Tile& t, size_t first, size_t index, size_t tiles) {
  const TileTag d;
  const size_t lanes = hn::Lanes(d), ldc = t.ldc, taps = t.taps, depth = t.k, skip = t.skip, ahead_step = t.ahead_step;
  const Epilogue& e = t.epilogue;
  const size_t count = kWhole ? 2 * lanes : t.n;
  [[maybe_unused]] const size_t rest = count > lanes ? count - lanes : 0;  // of the second vector
  // Sums start from the bias. The residual, or what the blocks of k before left in C, is added to them at the end: sums of sums are more
  // exact than one long sum (of 32,000 products: errors of 3e-6 became 6e-7).
  const float* start = t.first ? e.residual : t.c;
  if (start) start += first * ldc;
  float* c = t.c + first * ldc;
  const float* const bias = t.first ? e.bias : nullptr;
  const bool bounds_it = t.last && (e.activation == Activation::relu || e.activation == Activation::clamp), finishes = t.last && needs_finish(e);
  const float* const* list = kA == Rows::listed ? t.rows + first : nullptr;
  const float* rows_at = kA == Rows::spaced ? t.a + first * t.a_step + skip : kA == Rows::packed ? t.a + index * t.a_step : nullptr;
  const std::byte* ahead = t.ahead + index * depth * taps * ahead_step;
  for (; tiles > 0; --tiles, c += kM * ldc) {
    const TileVec bias0 = bias ? load_some(bias, count) : hn::Zero(d);
    [[maybe_unused]] const TileVec bias1 = kVectors > 1 && bias ? load_some(bias + lanes, rest) : hn::Zero(d);
#define PF_START(i) [[maybe_unused]] TileVec c##i##0 = bias0, c##i##1 = bias1;
    PF_TILE_ROWS(PF_START)
#undef PF_START
    const float* HWY_RESTRICT b = t.b;
#define PF_DEPTH(at)                                                                                        \
  {                                                                                                         \
    constexpr size_t kAt = at;                                                                              \
    const TileVec b0 = hn::LoadU(d, b + at * kPanel);                                                        \
    [[maybe_unused]] const TileVec b1 = kVectors > 1 ? hn::LoadU(d, b + at * kPanel + lanes) : b0;           \
    PF_TILE_ROWS(PF_STEP)                                                                                   \
  }
#define PF_ADD(i)                                                      \
  c##i##0 = hn::MulAdd(a, b0, c##i##0);                                \
  if constexpr (kVectors > 1) c##i##1 = hn::MulAdd(a, b1, c##i##1);
    if constexpr (kA != Rows::listed) {
      // Row i from a<i / 4> on: few enough registers for all of them to stay there; packed rows need but one.
      constexpr bool kPacked = kA == Rows::packed;
      constexpr size_t kNext = kPacked ? kFit : 1;  // from one of k to the next
      const size_t step = kPacked ? 1 : t.a_step, step3 = 3 * step;
      const float *a0 = rows_at, *a1 = rows_at + 4 * step, *a2 = rows_at + 8 * step;
      rows_at += kPacked ? t.a_step : kM * step;
#define PF_STEP(i)                                                                                  \
  if constexpr (kM > i) {                                                                           \
    const float* const from = (i < 4 ? a0 : i < 8 ? a1 : a2) + kAt * kNext;                         \
    const TileVec a = hn::Set(d, *(i % 4 == 3 ? from + step3 : from + i % 4 * step));                \
    PF_ADD(i)                                                                                       \
  }
      size_t k = depth;
      for (; k >= 2; k -= 2, b += 2 * kPanel, ahead += 2 * ahead_step, a0 += 2 * kNext, a1 += 2 * kNext, a2 += 2 * kNext) {
        __builtin_prefetch(ahead, 0, 2);  // into L2
        PF_DEPTH(0)
        PF_DEPTH(1)
      }
      if (k > 0) {
        PF_DEPTH(0)
        ahead += ahead_step;
      }
#undef PF_STEP
    } else {
      for (size_t tap = 0; tap < taps; ++tap) {
        const float* const* rows = list + tap * t.row_step;
#define PF_ROW(i) [[maybe_unused]] const float* HWY_RESTRICT a##i = rows[kM > i ? i : 0] + skip;
        PF_TILE_ROWS(PF_ROW)
#undef PF_ROW
#define PF_STEP(i)                              \
  if constexpr (kM > i) {                       \
    const TileVec a = hn::Set(d, a##i[k + kAt]); \
    PF_ADD(i)                                   \
  }
        // Two at a time, for fewer instructions; of four, g++ spills.
        size_t k = 0;
        for (; k + 2 <= depth; k += 2, b += 2 * kPanel, ahead += 2 * ahead_step) {
          __builtin_prefetch(ahead, 0, 2);
          PF_DEPTH(0)
          PF_DEPTH(1)
        }
        for (; k < depth; ++k, b += kPanel, ahead += ahead_step) PF_DEPTH(0)
#undef PF_STEP
      }
      list += kM;
    }
#undef PF_ADD
#undef PF_DEPTH
    if (start) {
#define PF_BEFORE(i)                                                                                    \
  if constexpr (kM > i) {                                                                               \
    c##i##0 = hn::Add(c##i##0, load_some(start + i * ldc, count));                                       \
    if constexpr (kVectors > 1) c##i##1 = hn::Add(c##i##1, load_some(start + i * ldc + lanes, rest));     \
  }
      PF_TILE_ROWS(PF_BEFORE)
#undef PF_BEFORE
    }
    if (bounds_it) {
      const Bounds bounds(e);
#define PF_BOUND(i)                                                       \
  if constexpr (kM > i) {                                                 \
    c##i##0 = bounded(c##i##0, bounds);                                    \
    if constexpr (kVectors > 1) c##i##1 = bounded(c##i##1, bounds);        \
  }
      PF_TILE_ROWS(PF_BOUND)
#undef PF_BOUND
    }
#define PF_STORE(i)                                                                         \
  if constexpr (kM > i) {                                                                   \
    store_some(c##i##0, c + i * ldc, count);                                                 \
    if constexpr (kVectors > 1) store_some(c##i##1, c + i * ldc + lanes, rest);              \
  }
    PF_TILE_ROWS(PF_STORE)
#undef PF_STORE
    if (start) start += kM * ldc;
    if (finishes) finish({c, kM, count, ldc}, e.activation);
  }
}

template <size_t kM>
HWY_INLINE void tile_rows(const Tile& t, size_t first, size_t index, size_t tiles) {
  const size_t lanes = hn::Lanes(TileTag());
  if (t.packed) return tile_vectors<kM, 2, false, Rows::packed>(t, first, index, tiles);
  t.n == 2 * lanes ? t.rows ? tile_vectors<kM, 2, true, Rows::listed>(t, first, index, tiles) : tile_vectors<kM, 2, true, Rows::spaced>(t, first, index, tiles)
  : t.n > lanes    ? tile_vectors<kM, 2, false, Rows::listed>(t, first, index, tiles)
                   : tile_vectors<kM, 1, false, Rows::listed>(t, first, index, tiles);
}

gemm::TileShape get_shape() { return {kFit, 2 * hn::Lanes(TileTag())}; }

void run_tiles(const Tile& t, size_t height, size_t first, size_t index, size_t tiles) {
  switch (height) {
    case 1: return tile_rows<1>(t, first, index, tiles);
    case 2: return tile_rows<2>(t, first, index, tiles);
    case 3: return tile_rows<3>(t, first, index, tiles);
    case 4: return tile_rows<4>(t, first, index, tiles);
    case 5: return tile_rows<5>(t, first, index, tiles);
    case 6: return tile_rows<6>(t, first, index, tiles);
#if HWY_TARGET != HWY_AVX2 && HWY_TARGET != HWY_SSE4 && HWY_TARGET != HWY_SSSE3
    case 7: return tile_rows<7>(t, first, index, tiles);
    case 8: return tile_rows<8>(t, first, index, tiles);
    case 9: return tile_rows<9>(t, first, index, tiles);
    case 10: return tile_rows<10>(t, first, index, tiles);
    case 11: return tile_rows<11>(t, first, index, tiles);
    case 12: return tile_rows<12>(t, first, index, tiles);
#endif
    default: return;
  }
}

void run_tile(const Tile& t) {
  const gemm::Heights h(t.m, kFit);
  if (h.tiles == 0) return;
  if (h.higher > 0) run_tiles(t, h.height + 1, 0, 0, h.higher);
  run_tiles(t, h.height, h.higher * (h.height + 1), h.higher, h.tiles - h.higher);
}

gemm::TileFn get_tile() { return &run_tile; }
gemm::FinishFn get_finish() { return &finish; }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(get_tile);
HWY_EXPORT(get_shape);
HWY_EXPORT(get_finish);
namespace gemm {
TileFn tile_fn() { return HWY_DYNAMIC_DISPATCH(get_tile)(); }
TileShape tile_shape() { return HWY_DYNAMIC_DISPATCH(get_shape)(); }
FinishFn finish_fn() { return HWY_DYNAMIC_DISPATCH(get_finish)(); }
}  // namespace gemm
}  // namespace portfire
#endif
