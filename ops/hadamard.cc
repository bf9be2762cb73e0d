#include "ops/hadamard.h"

#include <algorithm>
#include <cmath>

#include "ops/element.h"
#include "ops/reader.h"

namespace portfire::ops::hadamard {
namespace {

constexpr int64_t kOdd = 28;
// Row i of the matrix of 28 has +1 in column j where bit j of number i is set, else -1: Williamson's, the one that models are trained with.
constexpr uint32_t kSigns[kOdd] = {
    0x3296181, 0x6528382, 0xc854704, 0x92a8e08, 0x2751c10, 0x4ca7820, 0x994b0c0, 0x4b980bc, 0x9534178, 0x2a6c271,
    0x54d8463, 0xa9b0847, 0x536500f, 0xa4ce01e, 0x7804cda, 0xf009935, 0xe21326a, 0xc6224d5, 0x8e409ab, 0x1e81356,
    0x3d0262d, 0x030ed66, 0x041dacd, 0x083b51b, 0x1072ab6, 0x20e15ec, 0x41c2b59, 0x81856b3,
};

// The product in place with the matrix of n = 2^k rows, in k rounds of sums and differences.
void walsh(double* x, int64_t n) {
  for (int64_t step = 1; step < n; step *= 2)
    for (int64_t i = 0; i < n; i += 2 * step)
      for (int64_t j = i; j < i + step; ++j) {
        const double a = x[j], b = x[j + step];
        x[j] = a + b;
        x[j + step] = a - b;
      }
  const double factor = 1 / std::sqrt(static_cast<double>(n));
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

void times_28(double* x, int64_t step) {
  double y[kOdd];
  for (int64_t i = 0; i < kOdd; ++i) {
    y[i] = 0;
    for (int64_t j = 0; j < kOdd; ++j) y[i] += kSigns[i] >> j & 1 ? x[j * step] : -x[j * step];
  }
  for (int64_t i = 0; i < kOdd; ++i) x[i * step] = y[i];
}

int64_t length_of(const TensorView& x) { return x.rank() ? x.size(x.rank() - 1) : 1; }

}  // namespace

Error FastHadamardTransform::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  const int64_t n = length_of(x), power = n % kOdd == 0 ? n / kOdd : n;
  if (!is_floating(x.dtype)) return Error::make(Code::bad_argument, "%s (expected a floating dtype)", TypeText(x).c_str());
  if ((power & (power - 1)) != 0)
    return Error::make(Code::bad_argument, "rows of %lld elements (expected 2^n or 28 * 2^n)", static_cast<long long>(n));
  outs[0] = {x.dtype, x.shape};
  return {};
}

size_t FastHadamardTransform::scratch(const Args& a) { return sizeof(double) * static_cast<size_t>(length_of(a.tensor(0))); }

Error FastHadamardTransform::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &y = outs[0];
  const int last = std::max(x.rank() - 1, 0);
  const int64_t n = length_of(x), parts = n % kOdd == 0 ? kOdd : 1, part = n / parts;
  const int64_t from_step = x.rank() ? x.strides[last] : 0, to_step = x.rank() ? y.strides[last] : 0;
  auto* const row = reinterpret_cast<double*>(a.context().scratch.data());
  for (int64_t r = 0; n > 0 && r < leading_count(x, last); ++r) {
    const int64_t from = leading_offset(x, last, r), to = leading_offset(y, last, r);
    for (int64_t i = 0; i < n; ++i) row[i] = load_real(x, from + i * from_step);
    for (int64_t i = 0; i < parts; ++i) walsh(row + i * part, part);
    for (int64_t i = 0; parts > 1 && i < part; ++i) times_28(row + i, part);
    for (int64_t i = 0; i < n; ++i) store_real(y, to + i * to_step, row[i]);
  }
  return {};
}

}  // namespace portfire::ops::hadamard
