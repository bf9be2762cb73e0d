// The vector loops behind the steps of a pointwise program.
//
// Registers are strips of kStrip elements of one class: f32 (also f16 and bf16, widened), f64, i32
// (also bool, i8, u8, i16) or i64. Strips are 64-byte aligned; loops run over whole vectors, so up to
// 15 elements past `n` are read and written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "ops/pointwise_table.h"

namespace portfire::pointwise {

inline constexpr size_t kStrip = 1024;

enum class Class : uint8_t { f32, f64, i32, i64 };
Class class_of(DType t);

// One step on one strip. Absent operands are null.
struct StepCall {
  void* out;
  const void* in[3];
  const ops::Pointwise* op;
  DType dtype, result;
};
using StepFn = void (*)(const StepCall&, size_t n);

// The loop for `op` computing in `dtype`; `condition` is the class of a `where`'s first operand.
// Never null: what has no vector loop runs the table's formula element by element.
StepFn step_fn(const ops::Pointwise& op, DType dtype, Class condition);

// Conversion between registers, with rounding or wrapping to `to`.
void convert_strip(void* out, const void* in, DType from, DType to, size_t n);
// Elements of memory to a register and back; `stride` in elements.
void load_strip(void* out, const void* in, DType dtype, int64_t stride, size_t n);
void store_strip(void* out, const void* in, DType dtype, int64_t stride, size_t n);
void fill_strip(void* out, DType dtype, double real, int64_t integer, size_t n);

}  // namespace portfire::pointwise
