// What ends a sum, for the kernels of a tile and of a row: bounds, activations, the last columns. Included inside
// foreach_target, once for each.
#if defined(PORTFIRE_GEMM_EPILOGUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PORTFIRE_GEMM_EPILOGUE_INL_H_
#undef PORTFIRE_GEMM_EPILOGUE_INL_H_
#else
#define PORTFIRE_GEMM_EPILOGUE_INL_H_
#endif

#include <limits>

#include <hwy/highway.h>

#include "kernels/gemm/gemm.h"
#include "kernels/simd_math.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

using gemm::Activation;
using gemm::Epilogue;
using gemm::Finished;
using TileTag = hn::CappedTag<float, 16>;
using TileVec = hn::Vec<TileTag>;

template <class F>
HWY_INLINE void for_each_vector(const Finished& t, F f) {
  const TileTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < t.rows; ++i) {
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
static HWY_NOINLINE void finish(const Finished& t, Activation activation) {
  using D = TileTag;
  using V = TileVec;
  switch (activation) {
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

// A vector at p, or its first `count` elements: what is beyond stays untouched.
HWY_INLINE TileVec load_some(const float* p, size_t count) {
  const TileTag d;
  if (count >= hn::Lanes(d)) return hn::LoadU(d, p);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2  // better targets have lower numbers
  return hn::MaskedLoad(hn::FirstN(d, count), d, p);
#else  // masked accesses touch whole, aligned vectors here
  HWY_ALIGN float some[16] = {};
  for (size_t j = 0; j < count; ++j) some[j] = p[j];
  return hn::Load(d, some);
#endif
}
HWY_INLINE void store_some(TileVec v, float* p, size_t count) {
  const TileTag d;
  if (count >= hn::Lanes(d)) return hn::StoreU(v, d, p);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, count), d, p);
#else
  HWY_ALIGN float some[16];
  hn::Store(v, d, some);
  for (size_t j = 0; j < count; ++j) p[j] = some[j];
#endif
}

HWY_INLINE TileVec bounded(TileVec v, const Bounds& b) {
  const TileTag d;
  return hn::Min(hn::Set(d, b.high), hn::Max(hn::Set(d, b.low), v));
}

// relu, clamp and residuals are in the stores.
HWY_INLINE bool needs_finish(const Epilogue& e) {
  return e.activation != Activation::none && e.activation != Activation::relu && e.activation != Activation::clamp;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
