// Products of other numbers than f32, for each ISA: tiles of double, int32_t and int64_t on panels as gemm.h has
// them (of 128 bytes, so of float too), and what a vector needs. Integers wrap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace portfire::gemm {

template <class T>
inline constexpr int64_t kWidth = 128 / sizeof(T);  // columns of a panel

// What sums of T end in.
template <class T>
using Sum = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;

// rows (at most kTileRows) x kWidth elements of C, `k` steps deep: C = A B, or (more) C += A B. Row i of B is at panel + i * kWidth,
// or at panel + at[i].
inline constexpr int64_t kTileRows = 6;
template <class T>
struct WideTile {
  int64_t rows, k;
  const T* a;
  int64_t lda;
  const T* panel;
  T* c;
  int64_t ldc;
  bool more;
  const int64_t* at = nullptr;
};

template <class T>
struct WideFunctions {
  void (*tile)(const WideTile<T>& t);  // of floating types where t.at is set, of others than float where it is not
  // Of at most a few thousand elements.
  Sum<T> (*dot)(const T* x, const T* y, int64_t n);
  // y += a x
  void (*add_scaled)(T* y, T a, const T* x, int64_t n);
};
// T: float, double, int32_t, int64_t.
template <class T>
WideFunctions<T> wide_functions();

// C (m x n) = A B, B packed in panels: element (k, n) at packed[(n / kWidth) * K * kWidth + k * kWidth + n % kWidth].
// T: float, double, int32_t, int64_t.
template <class T>
void run_panels(const T* a, int64_t lda, int64_t m, int64_t k, const T* packed, int64_t n, T* c, int64_t ldc);

}  // namespace portfire::gemm
