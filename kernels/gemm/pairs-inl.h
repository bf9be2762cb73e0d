// The tiles of pairs.h over a vector unit: what an instruction set gives, one line each. Included inside the region where a
// file turns its instruction set on, hence without includes of its own (it wants pairs.h) and without lambdas, which do
// not inherit it. A unit U has
//
//   Vec, Pairs                        16 floats; 16 pairs of bf16
//   zero(), load(p, count), store(v, p, count)   of the first `count` floats if they are fewer than 16; the rest is 0, or stays
//   pairs(p)                          16 pairs from memory
//   pair(p)                           one pair 16 times
//   dot(sum, a, b)                    sum + a.even b.even + a.odd b.odd, each lane by itself
//   add(a, b), bounded(v, low, high)  a NaN stays one
//   round(from, count, to)            up to 32 floats to bf16
//   copy(from, to)                    32 numbers
// `tiles` tiles of kM rows below each other, from row `row` on, the `index`-th and on of the strip. kWhole: both panels are full.
template <class U, size_t kM, size_t kVectors, bool kWhole>
[[gnu::noinline]] void pair_vectors(const PairTile& t, size_t row, size_t index, size_t tiles) {
  using V = typename U::Vec;
  using P = typename U::Pairs;
  const Epilogue& e = t.epilogue;
  const size_t ldc = t.ldc, ahead_step = t.ahead_step, b_step = t.b_step;
  // Of the first panel's columns and of the second's, constants where they are full: stores without a mask are cheaper.
  const size_t count = kWhole ? kPairPanel : t.n;
  [[maybe_unused]] const size_t rest = kWhole ? kPairPanel : kVectors > 1 ? t.n - kPairPanel : 0;
  // Sums start from bias and residual, or from what the blocks of k before left in C.
  const float* start = t.first ? e.residual : t.c;
  if (start) start += row * ldc;
  float* c = t.c + row * ldc;
  const size_t stride = t.a_step, stride3 = 3 * stride;
  const uint16_t* rows = t.a + row * stride;
  const std::byte *ahead0 = t.ahead + index * t.pairs * ahead_step, *ahead1 = ahead0 + b_step * sizeof(uint16_t);
  const float* const bias = t.first ? e.bias : nullptr;
  const bool bounds_it = t.last && (e.activation == Activation::relu || e.activation == Activation::clamp);
#define PF_PAIR_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
  for (; tiles > 0; --tiles, c += kM * ldc, rows += kM * stride) {
    const V bias0 = bias ? U::load(bias, count) : U::zero();
    [[maybe_unused]] const V bias1 = kVectors > 1 && bias ? U::load(bias + kPairPanel, rest) : U::zero();
#define PF_START(i)                                                                                                      \
  [[maybe_unused]] V c##i##0 = bias0, c##i##1 = bias1;                                                                    \
  if constexpr (kM > i) {                                                                                                \
    if (start) {                                                                                                         \
      c##i##0 = U::add(bias0, U::load(start + i * ldc, count));                                                             \
      if constexpr (kVectors > 1) c##i##1 = U::add(bias1, U::load(start + i * ldc + kPairPanel, rest));                   \
    }                                                                                                                    \
  }
    PF_PAIR_ROWS(PF_START)
#undef PF_START
    // Row i from a<i / 4> on: few enough registers for them to stay there.
    const uint16_t *a0 = rows, *a1 = rows + 4 * stride, *a2 = rows + 8 * stride, *b = t.b;
    for (size_t p = 0; p < t.pairs; ++p, a0 += 2, a1 += 2, a2 += 2, b += 2 * kPairPanel, ahead0 += ahead_step, ahead1 += ahead_step) {
      __builtin_prefetch(ahead0, 0, 2);  // into L2
      if constexpr (kVectors > 1) __builtin_prefetch(ahead1, 0, 2);
      const P b0 = U::pairs(b);
      [[maybe_unused]] const P b1 = kVectors > 1 ? U::pairs(b + b_step) : b0;
#define PF_STEP(i)                                                           \
  if constexpr (kM > i) {                                                    \
    const uint16_t* const a = i < 4 ? a0 : i < 8 ? a1 : a2;                  \
    const P pair = U::pair(i % 4 == 3 ? a + stride3 : a + i % 4 * stride);    \
    c##i##0 = U::dot(c##i##0, pair, b0);                                      \
    if constexpr (kVectors > 1) c##i##1 = U::dot(c##i##1, pair, b1);          \
  }
      PF_PAIR_ROWS(PF_STEP)
#undef PF_STEP
    }
    if (bounds_it) {
      const bool relu = e.activation == Activation::relu;
      const float low = relu ? 0 : e.low, high = relu ? __builtin_inff() : e.high;
#define PF_BOUND(i)                                                           \
  if constexpr (kM > i) {                                                     \
    c##i##0 = U::bounded(c##i##0, low, high);                                  \
    if constexpr (kVectors > 1) c##i##1 = U::bounded(c##i##1, low, high);      \
  }
      PF_PAIR_ROWS(PF_BOUND)
#undef PF_BOUND
    }
#define PF_STORE(i)                                                                        \
  if constexpr (kM > i) {                                                                  \
    U::store(c##i##0, c + i * ldc, count);                                                    \
    if constexpr (kVectors > 1) U::store(c##i##1, c + i * ldc + kPairPanel, rest);          \
  }
    PF_PAIR_ROWS(PF_STORE)
#undef PF_STORE
    if (start) start += kM * ldc;
  }
#undef PF_PAIR_ROWS
}

// One row, as many panels at once as keep the unit busy while a sum waits for its last addition.
template <class U, size_t kPanels>
[[gnu::noinline]] void pair_row(const PairTile& t) {
  using V = typename U::Vec;
  const Epilogue& e = t.epilogue;
  const float* const start = t.first ? e.residual : t.c;
#define PF_PAIR_PANELS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define PF_START(i)                                                                                        \
  [[maybe_unused]] V c##i = U::zero();                                                                      \
  if constexpr (kPanels > i) {                                                                             \
    if (t.first && e.bias) c##i = U::load(e.bias + i * kPairPanel, t.n - i * kPairPanel);                   \
    if (start) c##i = U::add(c##i, U::load(start + i * kPairPanel, t.n - i * kPairPanel));                  \
  }
  PF_PAIR_PANELS(PF_START)
#undef PF_START
  const uint16_t *a = t.a, *b = t.b;
  for (size_t p = 0; p < t.pairs; ++p, a += 2, b += 2 * kPairPanel) {
    const typename U::Pairs pair = U::pair(a);
#define PF_STEP(i) \
  if constexpr (kPanels > i) c##i = U::dot(c##i, pair, U::pairs(b + i * t.b_step));
    PF_PAIR_PANELS(PF_STEP)
#undef PF_STEP
  }
  const bool relu = t.last && e.activation == Activation::relu, clamp = t.last && e.activation == Activation::clamp;
  const float infinity = __builtin_inff(), low = relu ? 0 : clamp ? e.low : -infinity, high = clamp ? e.high : infinity;
#define PF_STORE(i) \
  if constexpr (kPanels > i) U::store(U::bounded(c##i, low, high), t.c + i * kPairPanel, t.n - i * kPairPanel);
  PF_PAIR_PANELS(PF_STORE)
#undef PF_STORE
#undef PF_PAIR_PANELS
}

template <class U, size_t kM>
void pair_rows(const PairTile& t, size_t row, size_t index, size_t tiles) {
  t.n == 2 * kPairPanel ? pair_vectors<U, kM, 2, true>(t, row, index, tiles)
  : t.n > kPairPanel    ? pair_vectors<U, kM, 2, false>(t, row, index, tiles)
                        : pair_vectors<U, kM, 1, false>(t, row, index, tiles);
}

template <class U>
void pair_row_of(const PairTile& t) {
  switch ((t.n + kPairPanel - 1) / kPairPanel) {
    case 1: return pair_row<U, 1>(t);
    case 2: return pair_row<U, 2>(t);
    case 3: return pair_row<U, 3>(t);
    case 4: return pair_row<U, 4>(t);
    case 5: return pair_row<U, 5>(t);
    case 6: return pair_row<U, 6>(t);
    case 7: return pair_row<U, 7>(t);
    case 8: return pair_row<U, 8>(t);
    default: return;
  }
}

template <class U>
void pair_tiles(const PairTile& t, size_t height, size_t row, size_t index, size_t tiles) {
  switch (height) {
    case 2: return pair_rows<U, 2>(t, row, index, tiles);
    case 3: return pair_rows<U, 3>(t, row, index, tiles);
    case 4: return pair_rows<U, 4>(t, row, index, tiles);
    case 5: return pair_rows<U, 5>(t, row, index, tiles);
    case 6: return pair_rows<U, 6>(t, row, index, tiles);
    case 7: return pair_rows<U, 7>(t, row, index, tiles);
    case 8: return pair_rows<U, 8>(t, row, index, tiles);
    case 9: return pair_rows<U, 9>(t, row, index, tiles);
    case 10: return pair_rows<U, 10>(t, row, index, tiles);
    case 11: return pair_rows<U, 11>(t, row, index, tiles);
    case 12: return pair_rows<U, 12>(t, row, index, tiles);
    default: return;
  }
}

// Tiles of about the same height: a low one is a slow one.
template <class U>
void pair_strip(const PairTile& t) {
  if (t.m == 1) return pair_row_of<U>(t);
  const size_t tiles = (t.m + kPairRows - 1) / kPairRows;
  if (tiles == 0) return;
  const size_t height = t.m / tiles, higher = t.m % tiles;
  if (higher > 0) pair_tiles<U>(t, height + 1, 0, 0, higher);
  pair_tiles<U>(t, height, higher * (height + 1), higher, tiles - higher);
}

template <class U>
void pair_round(const float* from, size_t n, uint16_t* to) {
  for (; n > 32; n -= 32, from += 32, to += 32) U::round(from, 32, to);
  U::round(from, n, to);
}

template <class U>
void pair_gather(const uint16_t* const* rows, size_t m, size_t skip, size_t k, uint16_t* to) {
  for (size_t row = 0; row < m; ++row, to += kPairStride)
    for (size_t i = 0; i < k; i += 32) U::copy(rows[row] + skip + i, to + i);
}

template <class U>
void pair_interleave(const uint16_t* even, const uint16_t* odd, size_t n, uint16_t* to, size_t step) {
  for (; n > kPairPanel; n -= kPairPanel, even += kPairPanel, odd += kPairPanel, to += step) U::interleave(even, odd, kPairPanel, to);
  U::interleave(even, odd, n, to);
}

template <class U>
inline constexpr PairUnit kUnitOf = {pair_strip<U>, pair_round<U>, pair_gather<U>, pair_interleave<U>};
