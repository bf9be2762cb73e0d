#include "ops/polygamma.h"

#include <cmath>
#include <limits>

#include "ops/element.h"
#include "ops/pointwise_table.h"

namespace portfire::ops::polygamma {
namespace {

// Hurwitz's zeta function, the sum of (x + k)^-s over k >= 0, of an integer s >= 2 and x > 0: the first terms as they are, the rest
// by Euler and Maclaurin (Abramowitz and Stegun 23.1.30), with B_2k / (2k)! as coefficients.
double zeta_above(double s, double x) {
  constexpr double kSeries[] = {1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160, -691.0 / 1307674368000};
  double sum = 0;
  for (; x < 10; x += 1) sum += std::pow(x, -s);
  const double power = std::pow(x, -s);
  sum += std::pow(x, 1 - s) / (s - 1) + 0.5 * power;
  double factor = s * power / x;
  for (int k = 0; k < 6; ++k) {
    sum += kSeries[k] * factor;
    factor *= (s + 2 * k + 1) * (s + 2 * k + 2) / (x * x);
  }
  return sum;
}
// Below 0 the terms up to there are those of a sum from the other side.
double zeta(int64_t n, double x) {
  const auto s = static_cast<double>(n);
  if (x > 0 || x != x) return x != x ? x : zeta_above(s, x);
  const double part = x - std::floor(x);
  if (part == 0) return std::numeric_limits<double>::infinity();
  const double below = zeta_above(s, 1 - part) - zeta_above(s, 1 - x);
  return zeta_above(s, part) + (n % 2 == 0 ? below : -below);
}

double polygamma(int64_t n, double x) {
  if (n == 0) return find_pointwise("digamma")->real(x, 0, 0);
  const double size = std::tgamma(static_cast<double>(n) + 1) * zeta(n + 1, x);
  return n % 2 == 0 ? -size : size;
}

}  // namespace

Error Polygamma::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(1);
  if (a.integer(0) < 0) return Error::make(Code::bad_argument, "n is %lld (expected 0 or more)", static_cast<long long>(a.integer(0)));
  if (is_complex(x.dtype)) return Error::make(Code::bad_argument, "%s (expected a real dtype)", TypeText(x).c_str());
  outs[0] = {float_of(x.dtype), x.shape};
  return {};
}
Error Polygamma::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(1);
  for (Index at(x.shape); at.valid(); at.next()) store_real(outs[0], at.offset(outs[0]), polygamma(a.integer(0), load_real(x, at.offset(x))));
  return {};
}

}  // namespace portfire::ops::polygamma
