// Transforms of kLines lines of one length at a time, by the loops of stages.h: the tables that they share, and
// lines brought into blocks and back.
#pragma once

#include "kernels/fft/stages.h"

namespace portfire::fft {

// A length and how it is taken apart. Where it has a factor above 31, it becomes a convolution with a chirp
// (Bluestein 1970), made by transforms of a power of two.
struct Length {
  explicit Length(int64_t n);
  int64_t n, inner;  // of the transforms made: n, or the power of two
  bool chirp = false;
  int radices = 0;
  uint8_t radix[64];

  template <class T>
  size_t table_bytes() const;
};

// `angle`: in parts of a turn, clockwise. out: `count` pairs, exp(-2 pi i j / n).
template <class T>
void fill_roots(T* out, int64_t n, int64_t count);

template <class T>
class Lines {
 public:
  // Fills the tables in `memory`; `a` and `b`, of length.inner blocks each, are overwritten.
  Lines(const Length& length, T* memory, T* a, T* b);
  // Of the lines in `a`. The result is in `a` or `b`, the other is overwritten.
  T* run(T* a, T* b, bool exchanged) const;

 private:
  T* stages(T* a, T* b, bool exchanged) const;

  Length length_;
  Functions<T> f_;
  T *roots_, *chirp_, *spectrum_;
};

// Where elements of lines are, counted in T: that of line l and number j has its real part at l * line + j * step,
// its imaginary part `im` further on; 0: it has none.
struct Access {
  int64_t line, step, im;
};
// n elements of `count` <= kLines lines. Lines that are not there are zeros.
template <class T>
void gather(const T* from, Access at, int64_t count, int64_t n, T* blocks);
template <class T>
void scatter(const T* blocks, Access at, int64_t count, int64_t n, T* to);

}  // namespace portfire::fft
