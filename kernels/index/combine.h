// The innermost loops of operators that store by number, for each ISA where rounding asks for it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace portfire::index {

enum class Combine : uint8_t { store, sum, product, maximum, minimum };

// y[j * step + numbers[j] * stride] becomes its combination with x[j], one after the other; without numbers
// y[j * step]. T: float, double, int64_t, int32_t, int8_t, uint8_t. Floats that stand for f16 or bf16 are rounded to it each time.
template <class T>
using CombineFn = void (*)(T* y, int64_t step, int64_t stride, const int64_t* numbers, const T* x, size_t n);
template <class T>
CombineFn<T> combine_fn(Combine how, DType dtype);

}  // namespace portfire::index
