#include "runtime/check_reference.h"

#include <algorithm>
#include <cmath>

#include "kernels/isa.h"
#include "ops/element.h"
#include "runtime/instruction.h"

namespace portfire {
namespace {

double tolerance_of(DType t) {
  switch (real_of(t)) {
    case DType::f64: return 1e-10;
    case DType::f32: return 1e-4;
    case DType::f16: return 4e-3;
    case DType::bf16: return 3e-2;
    default: return 0;
  }
}

// Kernels that multiply bf16 round operands of f32 to it, which the reference does not.
DType computed_in(std::string_view op, std::span<const Value* const> args, DType own) {
  const bool bf16 = op == "portfire::attention_bf16" || std::any_of(args.begin(), args.end(), [](const Value* v) {
    return v->kind == Value::Kind::tensor && v->tensor->dtype == DType::bf16;
  });
  return bf16 && own == DType::f32 && multiplies_bf16() ? DType::bf16 : own;
}

}  // namespace

Error compare_with_reference(const TensorView& got, const TensorView& expected, DType computed_in) {
  double largest = 0, magnitude = 1e-6;
  for (ops::Index i(expected.shape); i.valid(); i.next()) {
    const int64_t at = i.offset(got), expected_at = i.offset(expected);
    if (!is_floating(got.dtype) && !is_complex(got.dtype)) {
      const int64_t a = ops::load_int(got, at), b = ops::load_int(expected, expected_at);
      if (a != b)
        return Error::make(Code::failed, "the kernel gives %lld where the reference gives %lld", static_cast<long long>(a), static_cast<long long>(b));
      continue;
    }
    const auto a = ops::load_complex(got, at), b = ops::load_complex(expected, expected_at);
    for (const auto& [x, y] : {std::pair{a.real(), b.real()}, std::pair{a.imag(), b.imag()}}) {
      if (std::isfinite(x) && std::isfinite(y)) {
        largest = std::fmax(largest, std::fabs(x - y));
        magnitude = std::fmax(magnitude, std::fabs(y));
      } else if (!(x == y) && !(std::isnan(x) && std::isnan(y))) {
        return Error::make(Code::failed, "the kernel gives %g where the reference gives %g", x, y);
      }
    }
  }
  const double tolerance = std::fmax(tolerance_of(got.dtype), tolerance_of(computed_in));
  if (largest > tolerance * magnitude)
    return Error::make(Code::failed, "the kernel differs from the reference (expected at most %g relative, got %.3g)", tolerance, largest / magnitude);
  return {};
}

Error Method::run_checked(Instruction& in) {
  constexpr size_t kMaxOuts = 8;
  if (in.outs.size() > kMaxOuts || in.op->data_dependent) return run_kernel(in);
  // The kernel may write where an operand lies: the reference goes first, into memory of its own.
  TensorView expected[kMaxOuts];
  Buffer memory[kMaxOuts], scratch;
  for (size_t k = 0; k < in.outs.size(); ++k) {
    expected[k] = *in.outs[k];
    expected[k].set_contiguous();
    PF_TRY(memory[k].reserve(expected[k].bytes()));
    expected[k].data = memory[k].data();
  }
  if (in.op->scratch) PF_TRY(scratch.reserve(in.op->scratch(Args(in.args))));
  uint64_t random_counter = *random_counter_;
  PF_TRY(in.op->reference(Args(in.args, {{scratch.data(), scratch.bytes()}, &random_counter}), {expected, in.outs.size()}));
  PF_TRY(run_kernel(in));
  for (size_t k = 0; k < in.outs.size(); ++k) PF_TRY(compare_with_reference(*in.outs[k], expected[k], computed_in(in.op->name(), in.args, in.outs[k]->dtype)));
  return {};
}

}  // namespace portfire
