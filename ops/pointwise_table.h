// Element-wise operators, one line each. The same line serves the reference of the ATen operator,
// the steps of fused programs (portfire::pointwise) and, by name, the vector kernels.
//
// X(name, arity, rule, real formula, integer formula)
//   rule: keep       result has the common dtype of the operands
//         floating   like keep, but integers and bool compute in and give the default float, f32
//         predicate  operands convert to their common dtype, the result is bool
//         first      a predicate's twin: result has the common dtype of operands 1.. (where)
// Formulas see x, y, z as double (real) or int64_t (integer). Every operand has been converted to
// the common dtype before; the result is rounded or wrapped to it after.
#pragma once

#include <cstdint>
#include <string_view>

namespace portfire::ops {

enum class PointwiseRule : uint8_t { keep, floating, predicate, first };

#define PF_POINTWISE(X)                                                                       \
  X(abs, 1, keep, std::fabs(x), x < 0 ? 0 - x : x)                                            \
  X(neg, 1, keep, -x, wrapping_neg(x))                                                        \
  X(sign, 1, keep, (x > 0) - (x < 0), (x > 0) - (x < 0))                                      \
  X(sgn, 1, keep, (x > 0) - (x < 0), (x > 0) - (x < 0))                                       \
  X(square, 1, keep, x * x, wrapping_mul(x, x))                                               \
  X(relu, 1, keep, x > 0 || x != x ? x : 0, x > 0 ? x : 0)                                    \
  X(ceil, 1, keep, std::ceil(x), x)                                                           \
  X(floor, 1, keep, std::floor(x), x)                                                         \
  X(trunc, 1, keep, std::trunc(x), x)                                                         \
  X(round, 1, keep, std::nearbyint(x), x)                                                     \
  X(frac, 1, keep, x - std::trunc(x), 0)                                                      \
  X(bitwise_not, 1, keep, 0, ~x)                                                              \
  X(reciprocal, 1, floating, 1 / x, 0)                                                        \
  X(sqrt, 1, floating, std::sqrt(x), 0)                                                       \
  X(rsqrt, 1, floating, 1 / std::sqrt(x), 0)                                                  \
  X(exp, 1, floating, std::exp(x), 0)                                                         \
  X(exp2, 1, floating, std::exp2(x), 0)                                                       \
  X(expm1, 1, floating, std::expm1(x), 0)                                                     \
  X(log, 1, floating, std::log(x), 0)                                                         \
  X(log2, 1, floating, std::log2(x), 0)                                                       \
  X(log10, 1, floating, std::log10(x), 0)                                                     \
  X(log1p, 1, floating, std::log1p(x), 0)                                                     \
  X(sin, 1, floating, std::sin(x), 0)                                                         \
  X(cos, 1, floating, std::cos(x), 0)                                                         \
  X(tan, 1, floating, std::tan(x), 0)                                                         \
  X(asin, 1, floating, std::asin(x), 0)                                                       \
  X(acos, 1, floating, std::acos(x), 0)                                                       \
  X(atan, 1, floating, std::atan(x), 0)                                                       \
  X(sinh, 1, floating, std::sinh(x), 0)                                                       \
  X(cosh, 1, floating, std::cosh(x), 0)                                                       \
  X(tanh, 1, floating, std::tanh(x), 0)                                                       \
  X(asinh, 1, floating, std::asinh(x), 0)                                                     \
  X(acosh, 1, floating, std::acosh(x), 0)                                                     \
  X(atanh, 1, floating, std::atanh(x), 0)                                                     \
  X(erf, 1, floating, std::erf(x), 0)                                                         \
  X(erfc, 1, floating, std::erfc(x), 0)                                                       \
  X(lgamma, 1, floating, std::lgamma(x), 0)                                                   \
  X(sigmoid, 1, floating, 1 / (1 + std::exp(-x)), 0)                                          \
  X(silu, 1, floating, x / (1 + std::exp(-x)), 0)                                             \
  X(gelu, 1, floating, 0.5 * x * (1 + std::erf(x * kSqrtHalf)), 0)                            \
  X(gelu_tanh, 1, floating, gelu_tanh(x), 0)                                                  \
  X(digamma, 1, floating, digamma(x), 0)                                                      \
  X(erfinv, 1, floating, erfinv(x), 0)                                                        \
  X(i0, 1, floating, std::exp(std::fabs(x)) * bessel_i0e(x), 0)                               \
  X(i0e, 1, floating, bessel_i0e(x), 0)                                                       \
  X(i1, 1, floating, std::exp(std::fabs(x)) * bessel_i1e(x), 0)                               \
  X(i1e, 1, floating, bessel_i1e(x), 0)                                                       \
  X(angle, 1, floating, x != x ? x : x < 0 ? kPi : 0, 0)                                      \
  X(isnan, 1, predicate, x != x, 0)                                                           \
  X(isinf, 1, predicate, std::isinf(x), 0)                                                    \
  X(logical_not, 1, predicate, !x, !x)                                                        \
  X(add, 2, keep, x + y, wrapping_add(x, y))                                                  \
  X(sub, 2, keep, x - y, wrapping_sub(x, y))                                                  \
  X(mul, 2, keep, x * y, wrapping_mul(x, y))                                                  \
  X(div, 2, floating, x / y, 0)                                                               \
  X(div_trunc, 2, keep, std::trunc(x / y), div_trunc(x, y))                                   \
  X(div_floor, 2, keep, div_floor(x, y), div_floor(x, y))                                     \
  X(fmod, 2, keep, std::fmod(x, y), fmod(x, y))                                               \
  X(remainder, 2, keep, remainder(x, y), remainder(x, y))                                     \
  X(pow, 2, keep, std::pow(x, y), power(x, y))                                                \
  X(atan2, 2, floating, std::atan2(x, y), 0)                                                  \
  X(hypot, 2, keep, std::hypot(x, y), 0)                                                      \
  X(copysign, 2, floating, std::copysign(x, y), 0)                                            \
  X(nextafter, 2, keep, std::nextafter(x, y), 0)                                              \
  X(maximum, 2, keep, x != x ? x : y != y ? y : x > y ? x : y, x > y ? x : y)                 \
  X(minimum, 2, keep, x != x ? x : y != y ? y : x < y ? x : y, x < y ? x : y)                 \
  X(fmax, 2, keep, std::fmax(x, y), x > y ? x : y)                                            \
  X(fmin, 2, keep, std::fmin(x, y), x < y ? x : y)                                            \
  X(gcd, 2, keep, 0, gcd(x, y))                                                               \
  X(lcm, 2, keep, 0, lcm(x, y))                                                               \
  X(bitwise_and, 2, keep, 0, x & y)                                                           \
  X(bitwise_or, 2, keep, 0, x | y)                                                            \
  X(bitwise_xor, 2, keep, 0, x ^ y)                                                           \
  X(bitwise_left_shift, 2, keep, 0, shift_left(x, y))                                         \
  X(bitwise_right_shift, 2, keep, 0, shift_right(x, y))                                       \
  X(logical_and, 2, predicate, x && y, x && y)                                                \
  X(logical_or, 2, predicate, x || y, x || y)                                                 \
  X(logical_xor, 2, predicate, !x != !y, !x != !y)                                            \
  X(eq, 2, predicate, x == y, x == y)                                                         \
  X(ne, 2, predicate, x != y, x != y)                                                         \
  X(lt, 2, predicate, x < y, x < y)                                                           \
  X(le, 2, predicate, x <= y, x <= y)                                                         \
  X(gt, 2, predicate, x > y, x > y)                                                           \
  X(ge, 2, predicate, x >= y, x >= y)                                                         \
  X(where, 3, first, x ? y : z, x ? y : z)                                                    \
  X(clamp, 3, keep, clamp(x, y, z), clamp(x, y, z))                                           \
  X(threshold, 3, keep, x <= y ? z : x, x <= y ? z : x)                                       \
  X(leaky_relu, 2, keep, x > 0 ? x : x * y, 0)                                                \
  X(hardshrink, 2, keep, std::fabs(x) <= y ? 0 : x, 0)                                        \
  X(softshrink, 2, keep, x > y ? x - y : x < -y ? x + y : x * 0, 0)                           \
  X(hardsigmoid, 1, floating, clamp(x + 3, 0.0, 6.0) / 6, 0)                                  \
  X(hardswish, 1, floating, x * clamp(x + 3, 0.0, 6.0) / 6, 0)                                \
  X(replace_nan, 2, keep, x != x ? y : x, x)                                                  \
  X(replace_inf, 3, keep, std::isinf(x) ? (x > 0 ? y : z) : x, x)                             \
  X(lerp, 3, keep, lerp(x, y, z), 0)                                                          \
  X(smooth_l1, 3, keep, smooth_l1(std::fabs(x - y), z), 0)                                    \
  X(addcmul, 3, keep, x + y * z, wrapping_add(x, wrapping_mul(y, z)))                         \
  X(huber, 3, keep, huber(std::fabs(x - y), z), 0)

struct Pointwise {
  std::string_view name;
  uint8_t arity;
  PointwiseRule rule;
  double (*real)(double x, double y, double z);
  int64_t (*integer)(int64_t x, int64_t y, int64_t z);
};

// Null where there is none of that name.
const Pointwise* find_pointwise(std::string_view name);

}  // namespace portfire::ops
