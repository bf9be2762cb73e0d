// Where extremes stand, for each ISA: of a run of elements, and of runs side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace portfire::reduce {

// Places are counted in whole numbers as large as the elements.
template <class T>
using Place = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;

// T: float, double, int64_t, int32_t.
template <class T>
struct PlaceFunctions {
  // Where the first x[i] is that equals `value`, or that is NaN where that is; n without one.
  size_t (*find)(const T* x, size_t n, T value);
  // best[i] becomes x[i], places[i] `place`, where x[i] is more extreme or the first NaN.
  void (*column)(T* best, Place<T>* places, const T* x, size_t n, Place<T> place);
  // Likewise, and where x[i] is as extreme, or another NaN.
  void (*latest)(T* best, Place<T>* places, const T* x, size_t n, Place<T> place);
};
template <class T>
PlaceFunctions<T> place_functions(bool greatest);

}  // namespace portfire::reduce
