// Writes the text of a program of portfire::pointwise (ops/pointwise_program.h). Inputs come first, then steps.
#pragma once

#include "runtime/calls.h"

namespace portfire {

// Whether programs compute in this dtype.
bool is_pointwise_dtype(DType t);
// Whether PyTorch writes a result of dtype `from` into an `out` of dtype `to`.
bool can_cast(DType from, DType to);

class PointwiseText {
 public:
  // A register, or a number.
  struct Operand {
    int reg = -1;
    Scalar number;
    Operand(int r) : reg(r) {}
    Operand(const Scalar& s) : number(s) {}
    Operand(double d) : number{Value::Kind::real, 0, d} {}
  };

  explicit PointwiseText(Calls& c) : calls_(c) {}

  int input(TensorView& t);
  // The register in `dtype`: a step where it has another.
  int cast(int reg, DType dtype);
  // Operands are cast to `dtype`, numbers are written as such.
  int step(std::string_view op, DType dtype, std::initializer_list<Operand> operands) {
    return step(op, dtype, std::span(operands.begin(), operands.size()));
  }
  int step(std::string_view op, DType dtype, std::span<const Operand> operands);
  DType dtype(int reg) const { return dtypes_[reg]; }

  // The last step, cast to the dtype of `out`, as a call.
  Error finish(TensorView& out);

 private:
  static constexpr int kRegisters = 20;
  static constexpr size_t kNumber = 26;  // characters of a number, at most
  void write(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void write_operand(const Operand& o, DType dtype);

  Calls& calls_;
  TensorView* inputs_[6] = {};
  int input_count_ = 0, steps_ = 0;
  DType dtypes_[kRegisters] = {};
  char text_[640];
  size_t length_ = 0, room_ = 0;
  bool full_ = false;
};

}  // namespace portfire
