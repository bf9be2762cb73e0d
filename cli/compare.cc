#include "cli/compare.h"

#include <algorithm>
#include <cmath>
#include <complex>

#include "ops/element.h"

namespace portfire::cli {

Difference compare(const TensorView& a, const TensorView& b) {
  Difference d;
  d.same_shape = a.shape == b.shape;
  if (!d.same_shape) return d;
  double scale = 0;
  int64_t count = -1;
  for (ops::Index at(a.shape); at.valid(); at.next()) {
    int64_t i = 0, j = 0;
    ++count;
    for (int k = 0; k < a.rank(); ++k) {
      i += at[k] * a.strides[k];
      j += at[k] * b.strides[k];
    }
    const std::complex<double> x = ops::load_complex(a, i), y = ops::load_complex(b, j);
    for (auto [p, q] : {std::pair{x.real(), y.real()}, std::pair{x.imag(), y.imag()}}) {
      if (!std::isfinite(p) || !std::isfinite(q)) {
        d.same_special = d.same_special && ((std::isnan(p) && std::isnan(q)) || p == q);
        continue;
      }
      if (std::fabs(p - q) > d.largest) {
        d.largest = std::fabs(p - q);
        d.at = count;
      }
      scale = std::max(scale, std::fabs(q));
    }
  }
  d.relative = d.largest / std::max(1e-6, scale);
  return d;
}

}  // namespace portfire::cli
