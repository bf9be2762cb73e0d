// Rows folded into their element-wise maximum, for each ISA. NaN goes through.
#pragma once

#include <cstdint>
#include <type_traits>

namespace portfire::spatial {

// Numbers of rows, as wide as T: choices then go side by side.
template <class T>
using Number = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;

template <class T>
struct RowMaxima {
  // to[i] = the larger of a[i] and b[i]; `to` may be `a`.
  void (*values)(T* to, const T* a, const T* b, int64_t n);
  // Also places[i] = number where that is b[i].
  void (*with_places)(T* to, Number<T>* places, const T* a, const T* b, Number<T> number, int64_t n);
};
// T: float, double.
template <class T>
RowMaxima<T> row_maxima();

}  // namespace portfire::spatial
