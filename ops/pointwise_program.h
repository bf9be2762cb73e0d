// portfire::pointwise: a chain of element-wise operators in one pass over memory.
//
// The program is text, one step after another: "mul.f32 0 1; add.f32 2 #0.5; cast.f16 3".
// Registers 0..n-1 are the inputs as they are; each step appends one. A step is an entry of
// ops/pointwise_table.h with the dtype it computes in, or `cast`. Its operands are registers of that
// dtype (any dtype for `cast` and for the condition of `where`), or literals "#1.5" (hexadecimal
// floats allowed). The result of a step has its dtype, bool for predicates, and is rounded or wrapped
// to it. The last step is the answer. Inputs broadcast.
#pragma once

#include "ops/op.h"
#include "ops/pointwise_table.h"

namespace portfire::ops::pointwise_program {

inline constexpr int kMaxSteps = 48, kMaxInputs = 16;
inline constexpr int kMaxLiterals = 24;  // that the kernel takes; the reference takes any

struct Operand {
  int reg = -1;      // -1: a literal
  double real = 0;
  int64_t integer = 0;
};

struct Step {
  const Pointwise* op = nullptr;  // null: cast
  DType dtype = DType::f32;       // what it computes in; of a cast, what it converts to
  DType result = DType::f32;
  uint8_t arity = 1;
  Operand operands[3];
};

struct Program {
  int inputs = 0, count = 0;
  DType input_dtypes[kMaxInputs] = {};
  Step steps[kMaxSteps];
  DType dtype_of(int reg) const { return reg < inputs ? input_dtypes[reg] : steps[reg - inputs].result; }
  DType result() const { return steps[count - 1].result; }
};

// Code::bad_file where the text is no such program over these inputs.
Error parse(std::string_view text, std::span<TensorView* const> inputs, Program* out);

struct PointwiseProgram {
  static constexpr std::string_view schema = "portfire::pointwise(Tensor[] inputs, str program) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

// The same with further results, registers of the sizes of the answer, which comes last.
inline constexpr size_t kMaxFurther = 2;
struct PointwiseProgram2 {
  static constexpr std::string_view schema = "portfire::pointwise_2(Tensor[] inputs, str program, int first) -> (Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
struct PointwiseProgram3 {
  static constexpr std::string_view schema = "portfire::pointwise_3(Tensor[] inputs, str program, int first, int second) -> (Tensor, Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<PointwiseProgram, PointwiseProgram2, PointwiseProgram3>;

}  // namespace portfire::ops::pointwise_program
