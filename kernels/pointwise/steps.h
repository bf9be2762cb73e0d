// The loops behind the steps of a pointwise program, and those that bring memory into registers.
//
// A register is a strip of at most kStrip elements of one class, 64-byte aligned in its slot; operands
// that lie in memory as a register would are used in place, at any alignment. Loops run on to the next
// multiple of kPadding elements, so a strip in place has a length that is one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "ops/pointwise_table.h"

namespace portfire::pointwise {

inline constexpr size_t kStrip = 1024, kPadding = 64;

// f32 also stands for f16 and bf16, widened; i32 for i16; u8 for bool, as 0 and 1.
enum class Class : uint8_t { f32, f64, i64, i32, i8, u8 };
inline constexpr int kClasses = 6;

constexpr Class class_of(DType t) {
  switch (t) {
    case DType::f16: case DType::bf16: case DType::f32: return Class::f32;
    case DType::f64: return Class::f64;
    case DType::i64: return Class::i64;
    case DType::i8: return Class::i8;
    case DType::u8: case DType::boolean: return Class::u8;
    default: return Class::i32;
  }
}
constexpr size_t bytes_of(Class c) {
  return c == Class::f64 || c == Class::i64 ? 8 : c == Class::i8 || c == Class::u8 ? 1 : 4;
}
// Does memory of this dtype hold what a register would? Bytes of a bool need not be 0 or 1.
constexpr bool in_class(DType t) {
  return t != DType::f16 && t != DType::bf16 && t != DType::i16 && t != DType::boolean;
}

// One step on one strip. Absent operands are null. `out` may be one of `in`.
struct StepCall {
  void* out;
  const void* in[3];
  const ops::Pointwise* op;
  DType dtype, result;
};
using StepFn = void (*)(const StepCall&, size_t n);

// The loop for `op` computing in `dtype`. Never null: what has no vector loop runs the table's formula
// element by element. Results are not rounded to f16 or bf16 nor wrapped to i16 or bool: `narrow` does.
StepFn step_fn(const ops::Pointwise& op, DType dtype);

// Rounds or wraps a register of the class of `dtype` to what `dtype` holds; null where that is nothing.
using NarrowFn = void (*)(void* strip, size_t n);
NarrowFn narrow_fn(DType dtype);

// A strip converted from one class to another, as C does (but see convert.cc about what C leaves open).
using ConvertFn = void (*)(void* out, const void* in, size_t n);
ConvertFn convert_fn(Class from, DType to);

// Elements in memory, `stride` elements apart, to a register and back. Exactly n elements are touched.
using LoadFn = void (*)(void* strip, const void* memory, int64_t stride, size_t n);
using StoreFn = void (*)(void* memory, const void* strip, int64_t stride, size_t n);
LoadFn load_fn(DType dtype);
StoreFn store_fn(DType dtype);

void fill_strip(void* out, DType dtype, double real, int64_t integer, size_t n);

// For each ISA, the best of this machine; null where there is none. f32_steps.cc, f32_math.cc,
// double_math.cc, choice_steps.cc, plain_steps.cc
StepFn f32_step(const ops::Pointwise& op);
StepFn f32_math(const ops::Pointwise& op);
StepFn double_math(const ops::Pointwise& op, Class c);
StepFn choice_step(const ops::Pointwise& op, Class c);
StepFn plain_step(const ops::Pointwise& op, Class c);

}  // namespace portfire::pointwise
