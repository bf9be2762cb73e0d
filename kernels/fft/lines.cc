#include "kernels/fft/lines.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/copy/strided.h"

namespace portfire::fft {
namespace {

constexpr double kTurn = 6.28318530717958647692;
constexpr int64_t kLargestRadix = 31;

}  // namespace

Length::Length(int64_t length) : n(length), inner(length) {
  int64_t rest = n;
  for (int64_t p : {4, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31})
    for (; rest % p == 0 && rest > 1; rest /= p) radix[radices++] = static_cast<uint8_t>(p);
  if (rest <= 1) return;
  chirp = true;
  radices = 0;
  for (inner = 1; inner < 2 * n - 1;) inner *= 2;
  for (rest = inner; rest > 1; rest /= radix[radices++]) radix[radices] = rest % 4 == 0 ? 4 : 2;
}

template <class T>
size_t Length::table_bytes() const {
  return static_cast<size_t>(chirp ? 4 * inner + 2 * n : 2 * inner) * sizeof(T);
}

// By products of few roots: j = 64 c + f.
template <class T>
void fill_roots(T* out, int64_t n, int64_t count) {
  constexpr int64_t kFine = 64;
  double fine[2 * kFine];
  const double angle = kTurn / static_cast<double>(n);
  for (int64_t f = 0; f < std::min(kFine, count); ++f) {
    fine[2 * f] = std::cos(angle * static_cast<double>(f));
    fine[2 * f + 1] = -std::sin(angle * static_cast<double>(f));
  }
  for (int64_t c = 0; c < count; c += kFine) {
    const double r = std::cos(angle * static_cast<double>(c)), i = -std::sin(angle * static_cast<double>(c));
    for (int64_t f = 0; f < std::min(kFine, count - c); ++f) {
      out[2 * (c + f)] = static_cast<T>(r * fine[2 * f] - i * fine[2 * f + 1]);
      out[2 * (c + f) + 1] = static_cast<T>(r * fine[2 * f + 1] + i * fine[2 * f]);
    }
  }
}

template <class T>
Lines<T>::Lines(const Length& length, T* memory, T* a, T* b)
    : length_(length), f_(functions<T>()), roots_(memory), chirp_(roots_ + 2 * length.inner), spectrum_(chirp_ + 2 * length.n) {
  fill_roots(roots_, length.inner, length.inner);
  if (!length.chirp) return;
  // X_k = c_k sum_j (x_j c_j) c*_{k-j}, c_j = exp(-pi i j^2 / n)
  const int64_t n = length.n, inner = length.inner;
  std::fill_n(a, inner * kBlock<T>, T(0));
  for (int64_t j = 0; j < n; ++j) {
    const double angle = kTurn / 2 * static_cast<double>(j * j % (2 * n)) / static_cast<double>(n);
    chirp_[2 * j] = static_cast<T>(std::cos(angle));
    chirp_[2 * j + 1] = static_cast<T>(-std::sin(angle));
    for (int64_t at : {j, (inner - j) % inner}) {
      a[at * kBlock<T>] = static_cast<T>(std::cos(angle) / static_cast<double>(inner));
      a[at * kBlock<T> + kLines<T>] = static_cast<T>(std::sin(angle) / static_cast<double>(inner));
    }
  }
  const T* y = stages(a, b, false);
  for (int64_t k = 0; k < inner; ++k) {
    spectrum_[2 * k] = y[k * kBlock<T>];
    spectrum_[2 * k + 1] = y[k * kBlock<T> + kLines<T>];
  }
}

template <class T>
T* Lines<T>::stages(T* a, T* b, bool exchanged) const {
  int64_t n = length_.inner, s = 1;
  for (int i = 0; i < length_.radices; ++i) {
    const int64_t radix = length_.radix[i];
    f_.stage({a, b, roots_, n, s, radix, exchanged});
    std::swap(a, b);
    n /= radix;
    s *= radix;
  }
  return a;
}

template <class T>
T* Lines<T>::run(T* a, T* b, bool exchanged) const {
  if (!length_.chirp) return stages(a, b, exchanged);
  f_.multiply(a, chirp_, length_.n, exchanged);
  std::fill(a + length_.n * kBlock<T>, a + length_.inner * kBlock<T>, T(0));
  T* y = stages(a, b, exchanged);
  f_.multiply(y, spectrum_, length_.inner, exchanged);
  y = stages(y, y == a ? b : a, !exchanged);
  f_.multiply(y, chirp_, length_.n, exchanged);
  return y;
}

template <class T>
void gather(const T* from, Access at, int64_t count, int64_t n, T* blocks) {
  if (count == kLines<T>) {
    if (at.im == 1 && at.step == 2) return copy::transpose(blocks, kLines<T>, from, at.line, 2 * n, count, sizeof(T));
    if (at.line == 1) return functions<T>().gather(blocks, from, at.im ? from + at.im : nullptr, at.step, n);
    if (at.line == 2 && at.im == 1) return functions<T>().gather_pairs(blocks, from, at.step, n);
  } else {
    std::fill_n(blocks, n * kBlock<T>, T(0));
  }
  for (int64_t j = 0; j < n; ++j)
    for (int64_t l = 0; l < count; ++l) {
      const T* x = from + l * at.line + j * at.step;
      blocks[j * kBlock<T> + l] = x[0];
      blocks[j * kBlock<T> + kLines<T> + l] = at.im ? x[at.im] : T(0);
    }
}

template <class T>
void scatter(const T* blocks, Access at, int64_t count, int64_t n, T* to) {
  if (count == kLines<T>) {
    if (at.im == 1 && at.step == 2) return copy::transpose(to, at.line, blocks, kLines<T>, count, 2 * n, sizeof(T));
    if (at.line == 1) return functions<T>().scatter(blocks, to, at.im ? to + at.im : nullptr, at.step, n);
    if (at.line == 2 && at.im == 1) return functions<T>().scatter_pairs(blocks, to, at.step, n);
  }
  for (int64_t j = 0; j < n; ++j)
    for (int64_t l = 0; l < count; ++l) {
      T* y = to + l * at.line + j * at.step;
      y[0] = blocks[j * kBlock<T> + l];
      if (at.im) y[at.im] = blocks[j * kBlock<T> + kLines<T> + l];
    }
}

#define X(T)                                                                                   \
  template size_t Length::table_bytes<T>() const;                                              \
  template void fill_roots(T* out, int64_t n, int64_t count);                                  \
  template class Lines<T>;                                                                     \
  template void gather(const T* from, Access at, int64_t count, int64_t n, T* blocks);         \
  template void scatter(const T* blocks, Access at, int64_t count, int64_t n, T* to);
X(float)
X(double)
#undef X

}  // namespace portfire::fft
