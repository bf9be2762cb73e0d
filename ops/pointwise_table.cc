#include "ops/pointwise_table.h"

#include <cmath>
#include <limits>

namespace portfire::ops {
namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kPi = 3.14159265358979323846;

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
// Python's floor division, exact where x / y is.
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
int64_t gcd(int64_t x, int64_t y) {
  while (y != 0) {
    const int64_t r = fmod(x, y);
    x = y;
    y = r;
  }
  return x < 0 ? wrapping_neg(x) : x;
}
int64_t lcm(int64_t x, int64_t y) {
  const int64_t g = gcd(x, y);
  const int64_t m = g == 0 ? 0 : wrapping_mul(x / g, y);
  return m < 0 ? wrapping_neg(m) : m;
}

// psi(x) = psi(x + 1) - 1 / x up to where the asymptotic series of Bernoulli numbers (Abramowitz
// and Stegun 6.3.18) is exact; reflection 6.3.7 below 0. At 0 the pole has the sign of -x.
double digamma(double x) {
  if (x == 0) return std::copysign(std::numeric_limits<double>::infinity(), -x);
  if (x < 0) {
    if (x == std::floor(x)) return std::numeric_limits<double>::quiet_NaN();
    return digamma(1 - x) - kPi / std::tan(kPi * (x - std::floor(x)));
  }
  double sum = 0;
  for (; x < 10; x += 1) sum -= 1 / x;
  const double r = 1 / (x * x);
  const double series = r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r * (1.0 / 240 - r * (1.0 / 132)))));
  return sum + std::log(x) - 0.5 / x - series;
}

// Winitzki's approximation, then Halley's iteration on erf(y) = x. It works on the complement, as
// erf(y) tells nothing apart near 1.
double erfinv(double x) {
  const double magnitude = std::fabs(x);
  if (!(magnitude < 1))
    return magnitude == 1 ? x * std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  constexpr double kA = 0.147;
  const double complement = 1 - magnitude, log = std::log(complement * (1 + magnitude));
  const double half = 2 / (kPi * kA) + 0.5 * log;
  double y = std::sqrt(std::sqrt(half * half - log / kA) - half);
  for (int i = 0; i < 3; ++i) {
    const double step = (complement - std::erfc(y)) / (2 / std::sqrt(kPi) * std::exp(-y * y));
    y -= step / (1 + y * step);
  }
  return std::copysign(y, x);
}

// exp(-|x|) I_order(x): the power series (Abramowitz and Stegun 9.6.10) while it has few terms, the
// asymptotic one (9.7.1) beyond.
double bessel_ie(int order, double x) {
  const double z = std::fabs(x);
  double term = 1, sum = 0;
  if (z < 30) {
    const double q = z * z / 4;
    if (order == 1) term = z / 2;
    for (int k = 1; term > sum * 1e-17; ++k) {
      sum += term;
      term *= q / (k * (k + order));
    }
    sum *= std::exp(-z);
  } else {
    const double mu = 4.0 * order * order;
    for (int k = 1; std::fabs(term) > 1e-17 && k < 40; ++k) {
      sum += term;
      term *= -(mu - (2 * k - 1) * (2 * k - 1)) / (k * 8 * z);
    }
    sum /= std::sqrt(2 * kPi * z);
  }
  return order == 1 && x < 0 ? -sum : sum;
}
double bessel_i0e(double x) { return x != x ? x : bessel_ie(0, x); }
double bessel_i1e(double x) { return x != x ? x : bessel_ie(1, x); }

// NaN stays; bounds are numbers.
template <class T>
T clamp(T x, T low, T high) {
  const T y = x < low ? low : x;
  return y > high ? high : y;
}
// From the nearer end: exact at weight 0 and 1.
double lerp(double x, double y, double weight) {
  return std::fabs(weight) < 0.5 ? x + (y - x) * weight : y - (y - x) * (1 - weight);
}
double smooth_l1(double d, double beta) { return d < beta ? 0.5 * d * d / beta : d - 0.5 * beta; }
double huber(double d, double delta) { return d <= delta ? 0.5 * d * d : delta * (d - 0.5 * delta); }

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
