// Arithmetic of complex numbers that lie together, parts in turns, for each ISA.
#pragma once

#include <cstddef>

namespace portfire::pointwise {

enum class ComplexOp { mul, add, sub, abs };

// Of n numbers; `out` may be `a` or `b`. T: float, double.
template <class T>
using ComplexFn = void (*)(const T* a, const T* b, T* out, size_t n);
// Computes in T, and in f64 as the reference what that overflows, loses or leaves open.
template <class T>
ComplexFn<T> complex_fn(ComplexOp op);

// The reference's formulas, for the numbers that vectors leave. complex_kernels.cc
void complex_mul_formula(const float* a, const float* b, float* out, size_t n);
void complex_mul_formula(const double* a, const double* b, double* out, size_t n);
void complex_abs_formula(const float* a, float* out, size_t n);
void complex_abs_formula(const double* a, double* out, size_t n);

}  // namespace portfire::pointwise
