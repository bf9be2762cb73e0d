// The loops of Fourier transforms, for each ISA. Lines of one length are transformed side by side: a block holds
// element j of kLines<T> lines, real parts, then imaginary ones, so that every loop is one over whole vectors
// whatever the length and its factors. The inverse transform is the forward one with both parts exchanged.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portfire::fft {

template <class T>
inline constexpr int64_t kLines = 64 / sizeof(T);
template <class T>
inline constexpr int64_t kBlock = 2 * kLines<T>;  // elements of T in a block

// One step of Stockham's autosort transform: what is left of each transform is `n` = radix * m long, and `s`
// transforms of it lie side by side, element j of number q at block q + s j. Afterwards there are radix * s of
// length m. roots[2 i], roots[2 i + 1]: exp(-2 pi i / (n s)), real and imaginary.
template <class T>
struct Stage {
  const T* from;
  T* to;
  const T* roots;
  int64_t n, s, radix;
  bool exchanged;  // the imaginary parts stand for the real ones
};

template <class T>
struct Functions {
  void (*stage)(const Stage<T>& s);
  // x_j *= table_j for n blocks.
  void (*multiply)(T* x, const T* table, int64_t n, bool exchanged);
  void (*scale)(T* x, int64_t n, T by);
  // m frequencies of x_2j + i x_2j+1 become the m + 1 frequencies of x, 2m reals; roots of length 2m.
  void (*unpack)(const T* from, T* to, const T* roots, int64_t m);
  // The way back, from m + 1 frequencies: what the inverse transform takes.
  void (*pack)(const T* from, T* to, const T* roots, int64_t m);
  // x_j *= w_l^j for line l, w_l = base[2 l] + i base[2 l + 1]. For n blocks.
  void (*twist)(T* x, const double* base, int64_t n, bool exchanged);
  // Blocks of n elements from lines side by side, as pairs (re, im) or (separate) real parts and imaginary
  // ones; and back.
  void (*gather)(T* x, const T* re, const T* im, int64_t step, int64_t n);
  void (*gather_pairs)(T* x, const T* from, int64_t step, int64_t n);
  void (*scatter)(const T* x, T* re, T* im, int64_t step, int64_t n);
  void (*scatter_pairs)(const T* x, T* to, int64_t step, int64_t n);
};
template <class T>
Functions<T> functions();

}  // namespace portfire::fft
