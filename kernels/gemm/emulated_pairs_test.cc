// The vector unit of pairs.h in plain C++. Built once for all tests: its tiles take long to compile.
#include "kernels/gemm/emulated_pairs.h"

#include <algorithm>

#include "core/float16.h"
#include "kernels/gemm/pairs.h"

namespace portfire::gemm {
namespace {

struct Emulated {
  struct Vec {
    float lane[16];
  };
  struct Pairs {
    uint16_t number[32];
  };

  static Vec zero() { return {}; }
  static Vec load(const float* p, size_t count) {
    Vec v{};
    std::copy_n(p, std::min<size_t>(count, 16), v.lane);
    return v;
  }
  static void store(const Vec& v, float* p, size_t count) { std::copy_n(v.lane, std::min<size_t>(count, 16), p); }
  static Vec add(Vec a, const Vec& b) {
    for (int i = 0; i < 16; ++i) a.lane[i] += b.lane[i];
    return a;
  }
  static Vec bounded(Vec v, float low, float high) {
    for (float& x : v.lane) x = x < low ? low : x > high ? high : x;
    return v;
  }
  static Pairs pairs(const uint16_t* p) {
    Pairs v;
    std::copy_n(p, 32, v.number);
    return v;
  }
  static Pairs pair(const uint16_t* p) {
    Pairs v;
    for (int i = 0; i < 32; ++i) v.number[i] = p[i % 2];
    return v;
  }
  static Vec dot(Vec sum, const Pairs& a, const Pairs& b) {
    for (int i = 0; i < 32; ++i) sum.lane[i / 2] += bf16_to_f32(a.number[i]) * bf16_to_f32(b.number[i]);
    return sum;
  }
  static void round(const float* from, size_t count, uint16_t* to) { std::transform(from, from + count, to, f32_to_bf16); }
  static void interleave(const uint16_t* even, const uint16_t* odd, size_t count, uint16_t* to) {
    for (size_t i = 0; i < 2 * kPairPanel; ++i) to[i] = i / 2 < count ? (i % 2 ? odd : even)[i / 2] : uint16_t{0};
  }
  static void copy(const uint16_t* from, uint16_t* to) { std::copy_n(from, 32, to); }
};

#include "kernels/gemm/pairs-inl.h"

}  // namespace

const PairUnit* emulated_unit() { return &kUnitOf<Emulated>; }

}  // namespace portfire::gemm
