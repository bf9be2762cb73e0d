// Tiles of bf16 pairs by AVX-512 BF16 (vdpbf16ps: Cooper Lake, Sapphire Rapids, Zen 4), which Highway 1.0.3 does not use.
// The instruction takes and gives denormals as zeros.
#include "kernels/gemm/pairs.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#include <cstring>

#include <hwy/highway.h>

namespace portfire::gemm {
namespace {

// What the CPU has and the system saves: AVX-512 F, DQ, BW, VL, BF16, and the registers of all of them.
bool detect() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return false;  // OSXSAVE
  unsigned state, high;
  __asm__("xgetbv" : "=a"(state), "=d"(high) : "c"(0));
  constexpr unsigned kSaved = 0xe6;  // xmm, ymm, masks, the upper halves of zmm0-15, zmm16-31
  if ((state & kSaved) != kSaved || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kFeatures = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
  if ((b & kFeatures) != kFeatures || a < 1) return false;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

}  // namespace
}  // namespace portfire::gemm

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16")
#pragma GCC diagnostic ignored "-Wuninitialized"  // of its own _mm512_undefined_ps
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace portfire::gemm {
namespace {

struct Avx512 {
  using Vec = __m512;
  using Pairs = __m512bh;

  static __mmask16 first(size_t count) { return static_cast<__mmask16>(count < 16 ? (1u << count) - 1 : 0xffffu); }
  static Vec zero() { return _mm512_setzero_ps(); }
  static Vec load(const float* p, size_t count) { return count == 16 ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(first(count), p); }
  static void store(Vec v, float* p, size_t count) { count == 16 ? _mm512_storeu_ps(p, v) : _mm512_mask_storeu_ps(p, first(count), v); }
  static Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  // The second operand is what comes out where one is NaN.
  static Vec bounded(Vec v, float low, float high) { return _mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), v)); }
  static Pairs pairs(const uint16_t* p) { return (Pairs)_mm512_loadu_si512(p); }
  static Pairs pair(const uint16_t* p) {
    int word;
    std::memcpy(&word, p, sizeof word);
    return (Pairs)_mm512_set1_epi32(word);
  }
  static Vec dot(Vec sum, Pairs a, Pairs b) { return _mm512_dpbf16_ps(sum, a, b); }
  static void round(const float* from, size_t count, uint16_t* to) {
    const Vec low = load(from, count), high = count > 16 ? load(from + 16, count - 16) : zero();
    const auto mask = static_cast<__mmask32>(count < 32 ? (1u << count) - 1 : 0xffffffffu);
    _mm512_mask_storeu_epi16(to, mask, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }
  static void interleave(const uint16_t* even, const uint16_t* odd, size_t count, uint16_t* to) {
    const auto low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first(count), even)), high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first(count), odd));
    _mm512_storeu_si512(to, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
  static void copy(const uint16_t* from, uint16_t* to) { _mm512_storeu_si512(to, _mm512_loadu_si512(from)); }
};

#include "kernels/gemm/pairs-inl.h"

}  // namespace
}  // namespace portfire::gemm

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace portfire::gemm {

const PairUnit* pair_unit() {
  // Asked once: on virtual machines CPUID takes tens of microseconds.
  static const PairUnit* const unit = detect() && (hwy::SupportedTargets() & HWY_AVX3) != 0 ? &kUnitOf<Avx512> : nullptr;
  return unit;
}

}  // namespace portfire::gemm

#else

namespace portfire::gemm {
const PairUnit* pair_unit() { return nullptr; }
}  // namespace portfire::gemm

#endif
