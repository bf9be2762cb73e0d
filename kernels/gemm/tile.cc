// The micro-kernel, for every ISA.
#include "kernels/gemm/gemm.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/tile.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd_math.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

using gemm::Activation;
using gemm::Epilogue;
using gemm::kPanel;
using gemm::kRows;
using gemm::Row;
using gemm::Tile;
using TileTag = hn::CappedTag<float, 16>;
using TileVec = hn::Vec<TileTag>;

#define PF_TILE_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

template <class F>
HWY_INLINE void for_each_vector(const Tile& t, F f) {
  const TileTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < t.m; ++i) {
    float* row = t.c + i * t.ldc;
    size_t j = 0;
    for (; j + lanes <= t.n; j += lanes) hn::StoreU(f(d, hn::LoadU(d, row + j)), d, row + j);
    if (j == t.n) continue;
    HWY_ALIGN float rest[16] = {};
    for (size_t r = j; r < t.n; ++r) rest[r - j] = row[r];
    hn::Store(f(d, hn::Load(d, rest)), d, rest);
    for (size_t r = j; r < t.n; ++r) row[r] = rest[r - j];
  }
}

// What the stores of a tile do by themselves: the bounds that relu and clamp set. Max and Min give back
// a NaN on their right on every ISA.
struct Bounds {
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
  explicit Bounds(const Epilogue& e) {
    if (e.activation == Activation::relu) low = 0;
    if (e.activation != Activation::clamp) return;
    low = e.low;
    high = e.high;
  }
};

// Other activations, on the finished tile, which is still in L1. Apart from the accumulation: inside it
// they would be compiled once for each accumulator.
HWY_NOINLINE void finish(const Tile& t) {
  const Epilogue& e = t.epilogue;
  using D = TileTag;
  using V = TileVec;
  switch (e.activation) {
    case Activation::none:
    case Activation::relu:
    case Activation::clamp: return;
    case Activation::gelu:
      return for_each_vector(t, [](D d, V x) HWY_ATTR {
        const V half = hn::Mul(x, hn::Set(d, 0.5f));
        return hn::MulAdd(half, fast_erf(d, hn::Mul(x, hn::Set(d, 0.70710678f))), half);
      });
    case Activation::gelu_tanh:
      return for_each_vector(t, [](D d, V x) HWY_ATTR {
        const V half = hn::Mul(x, hn::Set(d, 0.5f));
        const V cubic = hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715f), hn::Set(d, 1.0f));
        return hn::MulAdd(half, fast_tanh(d, hn::Mul(hn::Mul(x, hn::Set(d, 0.79788456f)), cubic)), half);
      });
    case Activation::silu: return for_each_vector(t, [](D d, V x) HWY_ATTR { return hn::Mul(x, fast_sigmoid(d, x)); });
    case Activation::sigmoid: return for_each_vector(t, [](D d, V x) HWY_ATTR { return fast_sigmoid(d, x); });
    case Activation::tanh: return for_each_vector(t, [](D d, V x) HWY_ATTR { return fast_tanh(d, x); });
  }
}

// `count` sums of one row to `c`: they belong to `column` of the bias, and to `place` of the residual.
void store_some(const float* sums, const Epilogue& e, size_t place, size_t column, size_t count, float* c) {
  const Bounds bounds(e);
  for (size_t j = 0; j < count; ++j) {
    float v = sums[j] + (e.bias ? e.bias[column + j] : 0);
    if (e.residual) v += e.residual[place + j];
    c[j] = v < bounds.low ? bounds.low : v > bounds.high ? bounds.high : v;
  }
}

// relu, clamp and residuals are in the stores.
bool needs_finish(const Epilogue& e) {
  return e.activation != Activation::none && e.activation != Activation::relu && e.activation != Activation::clamp;
}

// Columns [column, column + 2 lanes) of the tile.
template <size_t kM>
HWY_NOINLINE void tile_columns(const Tile& t, size_t column) {
  const TileTag d;
  const size_t lanes = hn::Lanes(d);
#define PF_DECLARE(i) [[maybe_unused]] TileVec c##i##0 = hn::Zero(d), c##i##1 = hn::Zero(d);
  PF_TILE_ROWS(PF_DECLARE)
#undef PF_DECLARE
  const float* HWY_RESTRICT b = t.b + column;
  for (size_t tap = 0; tap < t.taps; ++tap) {
    const float* const* rows = t.rows + tap * kRows;
#define PF_ROW(i) [[maybe_unused]] const float* HWY_RESTRICT a##i = rows[kM > i ? i : 0];
    PF_TILE_ROWS(PF_ROW)
#undef PF_ROW
    for (size_t k = 0; k < t.k; ++k, b += kPanel) {
      const TileVec b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + lanes);
#define PF_STEP(i)                        \
  if constexpr (kM > i) {                 \
    const TileVec a = hn::Set(d, a##i[k]); \
    c##i##0 = hn::MulAdd(a, b0, c##i##0); \
    c##i##1 = hn::MulAdd(a, b1, c##i##1); \
  }
      PF_TILE_ROWS(PF_STEP)
#undef PF_STEP
    }
  }
  const Epilogue& e = t.epilogue;
  const Bounds bounds(e);
  if (column + 2 * lanes <= t.n) {
    const TileVec low = hn::Set(d, bounds.low), high = hn::Set(d, bounds.high);
    const TileVec bias0 = e.bias ? hn::LoadU(d, e.bias + column) : hn::Zero(d), bias1 = e.bias ? hn::LoadU(d, e.bias + column + lanes) : hn::Zero(d);
#define PF_STORE(i)                                                \
  if constexpr (kM > i) {                                          \
    TileVec v0 = hn::Add(c##i##0, bias0), v1 = hn::Add(c##i##1, bias1); \
    if (e.residual) {                                              \
      v0 = hn::Add(v0, hn::LoadU(d, e.residual + i * t.ldc + column)); \
      v1 = hn::Add(v1, hn::LoadU(d, e.residual + i * t.ldc + column + lanes)); \
    }                                                              \
    hn::StoreU(hn::Min(high, hn::Max(low, v0)), d, t.c + i * t.ldc + column); \
    hn::StoreU(hn::Min(high, hn::Max(low, v1)), d, t.c + i * t.ldc + column + lanes); \
  }
    PF_TILE_ROWS(PF_STORE)
#undef PF_STORE
    return;
  }
  // The last columns of a matrix whose width is no multiple of the tile's.
  HWY_ALIGN float edge[kRows][kPanel] = {};
#define PF_EDGE(i)                          \
  if constexpr (kM > i) {                   \
    hn::StoreU(c##i##0, d, edge[i]);         \
    hn::StoreU(c##i##1, d, edge[i] + lanes); \
  }
  PF_TILE_ROWS(PF_EDGE)
#undef PF_EDGE
  for (size_t i = 0; i < kM; ++i) store_some(edge[i], e, i * t.ldc + column, column, t.n - column, t.c + i * t.ldc + column);
}

template <size_t kM>
void tile_rows(const Tile& t) {
  const size_t step = 2 * hn::Lanes(TileTag());
  for (size_t column = 0; column < t.n; column += step) tile_columns<kM>(t, column);
  if (needs_finish(t.epilogue)) finish(t);
}

// How many rows of 2 vectors fit into the registers.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4
constexpr size_t kFit = 6;
#else
constexpr size_t kFit = kRows;
#endif

void run_rows(const Tile& t);

// The upper and the lower rows one after the other, where a whole tile does not fit.
void run_halves(const Tile& t) {
  Tile half = t;
  half.m = kFit;
  run_rows(half);
  half.m = t.m - kFit;
  half.rows += kFit;
  half.c += kFit * t.ldc;
  if (half.epilogue.residual) half.epilogue.residual += kFit * t.ldc;
  run_rows(half);
}

void run_tile(const Tile& t) { t.m > kFit ? run_halves(t) : run_rows(t); }

void run_rows(const Tile& t) {
  switch (t.m) {
    case 1: return tile_rows<1>(t);
    case 2: return tile_rows<2>(t);
    case 3: return tile_rows<3>(t);
    case 4: return tile_rows<4>(t);
    case 5: return tile_rows<5>(t);
    case 6: return tile_rows<6>(t);
    case 7: return tile_rows<7>(t);
    case 8: return tile_rows<8>(t);
    case 9: return tile_rows<9>(t);
    case 10: return tile_rows<10>(t);
    case 11: return tile_rows<11>(t);
    default: return tile_rows<12>(t);
  }
}

#define PF_ROW_VECTORS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

// kVectors vectors of one row, of as many panels as they take.
template <size_t kVectors>
HWY_NOINLINE void row_vectors(const Row& r) {
  const TileTag d;
  const size_t lanes = hn::Lanes(d);
#define PF_DECLARE(i)                             \
  [[maybe_unused]] TileVec c##i = hn::Zero(d);     \
  [[maybe_unused]] const float* HWY_RESTRICT b##i = r.b + i * lanes / kPanel * kPanel * r.k + i * lanes % kPanel;
  PF_ROW_VECTORS(PF_DECLARE)
#undef PF_DECLARE
  for (size_t k = 0; k < r.k; ++k) {
    const TileVec a = hn::Set(d, r.a[k]);
#define PF_STEP(i) \
  if constexpr (kVectors > i) c##i = hn::MulAdd(a, hn::LoadU(d, b##i + k * kPanel), c##i);
    PF_ROW_VECTORS(PF_STEP)
#undef PF_STEP
  }
  const Epilogue& e = r.epilogue;
  const Bounds bounds(e);
  const TileVec low = hn::Set(d, bounds.low), high = hn::Set(d, bounds.high);
  HWY_ALIGN float edge[16];
#define PF_STORE(i)                                                       \
  if constexpr (kVectors > i) {                                           \
    const size_t at = i * lanes;                                          \
    if (at + lanes <= r.n) {                                              \
      TileVec v = e.bias ? hn::Add(c##i, hn::LoadU(d, e.bias + at)) : c##i; \
      if (e.residual) v = hn::Add(v, hn::LoadU(d, e.residual + at));      \
      hn::StoreU(hn::Min(high, hn::Max(low, v)), d, r.c + at);            \
    } else if (at < r.n) {                                                \
      hn::Store(c##i, d, edge);                                           \
      store_some(edge, e, at, at, r.n - at, r.c + at);                    \
    }                                                                     \
  }
  PF_ROW_VECTORS(PF_STORE)
#undef PF_STORE
}

void run_row(const Row& row) {
  const size_t lanes = hn::Lanes(TileTag());
  for (size_t column = 0; column < row.n;) {
    // Whole panels, up to 8 vectors.
    const size_t panels = (row.n - column + kPanel - 1) / kPanel, of_panel = kPanel / lanes;
    const size_t take = HWY_MAX(HWY_MIN(panels, 8 / of_panel), 1);
    const size_t columns = HWY_MIN(take * kPanel, row.n - column);
    Row part{columns, row.k, row.a, row.b + column * row.k, row.c + column, row.epilogue};
    if (part.epilogue.bias) part.epilogue.bias += column;
    if (part.epilogue.residual) part.epilogue.residual += column;
    switch (take * of_panel) {
      case 2: row_vectors<2>(part); break;
      case 4: row_vectors<4>(part); break;
      case 6: row_vectors<6>(part); break;
      default: row_vectors<8>(part); break;
    }
    column += columns;
  }
  if (needs_finish(row.epilogue))
    finish({1, row.n, row.k, 1, nullptr, nullptr, row.c, row.n, row.epilogue});
}

gemm::TileFn get_tile() { return &run_tile; }
gemm::RowFn get_row() { return &run_row; }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(get_tile);
HWY_EXPORT(get_row);
namespace gemm {
TileFn tile_fn() { return HWY_DYNAMIC_DISPATCH(get_tile)(); }
RowFn row_fn() { return HWY_DYNAMIC_DISPATCH(get_row)(); }
}  // namespace gemm
}  // namespace portfire
#endif
