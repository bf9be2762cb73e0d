#include "ops/pointwise_table.h"

#include <cmath>

namespace portfire::ops {
namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;

int64_t wrapping_add(int64_t x, int64_t y) { return static_cast<int64_t>(static_cast<uint64_t>(x) + static_cast<uint64_t>(y)); }
int64_t wrapping_sub(int64_t x, int64_t y) { return static_cast<int64_t>(static_cast<uint64_t>(x) - static_cast<uint64_t>(y)); }
int64_t wrapping_mul(int64_t x, int64_t y) { return static_cast<int64_t>(static_cast<uint64_t>(x) * static_cast<uint64_t>(y)); }
int64_t wrapping_neg(int64_t x) { return wrapping_sub(0, x); }

// Division by zero stops PyTorch with an error; we give 0. -2^63 / -1 wraps.
int64_t div_trunc(int64_t x, int64_t y) { return y == 0 ? 0 : y == -1 ? wrapping_neg(x) : x / y; }
int64_t fmod(int64_t x, int64_t y) { return y == 0 || y == -1 ? 0 : x % y; }
int64_t div_floor(int64_t x, int64_t y) {
  const int64_t q = div_trunc(x, y);
  return y != 0 && fmod(x, y) != 0 && (x < 0) != (y < 0) ? q - 1 : q;
}
int64_t remainder(int64_t x, int64_t y) {
  const int64_t r = fmod(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
// c10::div_floor_floating: Python's floor division, exact where x / y is.
double div_floor(double x, double y) {
  if (y == 0) return x / y;
  const double mod = std::fmod(x, y);
  double quotient = (x - mod) / y;
  if (mod != 0 && (y < 0) != (mod < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, x / y);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}
double remainder(double x, double y) {
  const double mod = std::fmod(x, y);
  return mod != 0 && (y < 0) != (mod < 0) ? mod + y : mod;
}
int64_t power(int64_t x, int64_t y) {
  if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
  int64_t result = 1;
  for (; y > 0; y >>= 1) {
    if (y & 1) result = wrapping_mul(result, x);
    x = wrapping_mul(x, x);
  }
  return result;
}
int64_t shift_left(int64_t x, int64_t y) {
  return y < 0 || y >= 64 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(x) << y);
}
int64_t shift_right(int64_t x, int64_t y) { return y < 0 || y >= 64 ? (x < 0 ? -1 : 0) : x >> y; }
// Hendrycks and Gimpel, "Gaussian Error Linear Units", the tanh form.
double gelu_tanh(double x) {
  constexpr double kSqrt2OverPi = 0.79788456080286535588;
  return 0.5 * x * (1 + std::tanh(kSqrt2OverPi * (x + 0.044715 * x * x * x)));
}

constexpr Pointwise kTable[] = {
#define X(name, arity, rule, on_reals, on_integers)                                            \
  {#name, arity, PointwiseRule::rule,                                                          \
   []([[maybe_unused]] double x, [[maybe_unused]] double y, [[maybe_unused]] double z) {       \
     return static_cast<double>(on_reals);                                                     \
   },                                                                                          \
   []([[maybe_unused]] int64_t x, [[maybe_unused]] int64_t y, [[maybe_unused]] int64_t z) {    \
     return static_cast<int64_t>(on_integers);                                                 \
   }},
    PF_POINTWISE(X)
#undef X
};

}  // namespace

const Pointwise* find_pointwise(std::string_view name) {
  for (const Pointwise& p : kTable)
    if (p.name == name) return &p;
  return nullptr;
}

}  // namespace portfire::ops
