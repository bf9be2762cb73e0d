// The rows of a bag of embeddings, side by side, for each ISA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/dtype.h"

namespace portfire::index {

// Rows of a table, `stride` elements apart, of `columns` elements that lie together.
template <class T>
struct BagRows {
  const void* table;
  int64_t stride;
  const int64_t* numbers;
  const T* weights;  // null: 1
  size_t count, columns;
  size_t known;  // numbers that may be read, those of later bags too: their rows are fetched ahead
};

// T: float, double. Row numbers are kept in whole numbers of the same size.
template <class T>
using Number = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
template <class T>
struct BagFunctions {
  // With `more`, what is there takes part.
  void (*sum)(T* totals, const BagRows<T>& rows, bool more);
  // The greatest of each column, and the number of its row: the first one that has it, the last that is NaN.
  void (*maximum)(T* greatest, Number<T>* from, const BagRows<T>& rows, bool more);
};
// `table`: f64 for double; f32, bf16 and, null where the ISA has no instruction for it, f16 for float.
template <class T>
BagFunctions<T> bag_functions(DType table);

}  // namespace portfire::index
