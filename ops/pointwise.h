// ATen's element-wise operators, by way of the one-line table in ops/pointwise_table.h.
// Operands are tensors of any dtypes (or numbers), broadcast and promoted as torch.result_type.
#pragma once

#include "ops/op.h"
#include "ops/pointwise_gradient.h"
#include "ops/pointwise_table.h"

namespace portfire::ops::pointwise {

// Operands are the first `arity` arguments. With `scaled`, argument `arity` is alpha: the last
// operand is multiplied by it first (add, sub).
Error infer_pointwise(const Pointwise& p, const Args& a, std::span<TensorSpec> outs);
Error run_pointwise(const Pointwise& p, const Args& a, std::span<TensorView> outs, bool scaled);

// A struct for an overload of table entry `entry`.
#define PF_OP(type, entry, schema_text, scaled)                              \
  struct type {                                                              \
    static constexpr std::string_view schema = schema_text;                  \
    static constexpr std::string_view pointwise = entry;                     \
    static Error infer(const Args& a, std::span<TensorSpec> outs) {          \
      return infer_pointwise(*find_pointwise(entry), a, outs);               \
    }                                                                        \
    static Error reference(const Args& a, std::span<TensorView> outs) {      \
      return run_pointwise(*find_pointwise(entry), a, outs, scaled);         \
    }                                                                        \
    template <class G>                                                       \
    static void gradient(G& g) {                                             \
      pointwise_gradient(g, entry);                                          \
    }                                                                        \
  };
#define PF_UNARY(name) PF_OP(name##_, #name, "aten::" #name "(Tensor self) -> Tensor", false)
#define PF_BINARY(name) PF_OP(name##_, #name, "aten::" #name "(Tensor self, Tensor other) -> Tensor", false)
#define PF_BINARY_BOTH(name)                                                                            \
  PF_OP(name##_tensor, #name, "aten::" #name ".Tensor(Tensor self, Tensor other) -> Tensor", false)     \
  PF_OP(name##_scalar, #name, "aten::" #name ".Scalar(Tensor self, Scalar other) -> Tensor", false)

#define PF_BITWISE_SCALAR(name)                                                                   \
  PF_OP(name##_of_scalar, #name, "aten::" #name ".Scalar_Tensor(Scalar self, Tensor other) -> Tensor", false)
#define PF_SHIFT(name)                                                                                  \
  PF_OP(name##_tensor, #name, "aten::" #name ".Tensor(Tensor self, Tensor other) -> Tensor", false)     \
  PF_OP(name##_scalar, #name, "aten::" #name ".Tensor_Scalar(Tensor self, Scalar other) -> Tensor", false)
// Forms that ATen lacks, for decompositions.
#define PF_WITH_SCALAR(name) \
  PF_OP(name##_with_scalar, #name, "portfire::" #name ".Scalar(Tensor self, Scalar other) -> Tensor", false)
#define PF_OF_SCALAR(name) \
  PF_OP(name##_scalar_tensor, #name, "portfire::" #name ".Scalar_Tensor(Scalar self, Tensor other) -> Tensor", false)

#define PF_UNARIES(X)                                                                                  \
  X(abs) X(neg) X(sign) X(sgn) X(relu) X(ceil) X(floor) X(trunc) X(round) X(frac)            \
  X(reciprocal) X(sqrt) X(rsqrt) X(exp) X(exp2) X(expm1) X(log) X(log2) X(log10)        \
  X(log1p) X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh)      \
  X(atanh) X(erf) X(erfc) X(lgamma) X(sigmoid) X(silu) X(isnan) X(isinf) X(logical_not) \
  X(digamma) X(erfinv) X(i0) X(angle)
#define PF_BINARIES(X) \
  X(atan2) X(hypot) X(nextafter) X(maximum) X(minimum) X(fmax) X(fmin) X(gcd) X(lcm) X(logical_and)      \
  X(logical_or) X(logical_xor)
#define PF_BINARIES_BOTH(X)                                                                            \
  X(mul) X(div) X(fmod) X(remainder) X(bitwise_and) X(bitwise_or) X(bitwise_xor) X(eq) X(ne)           \
  X(lt) X(le) X(gt) X(ge) X(copysign)
#define PF_SHIFTS(X) X(bitwise_left_shift) X(bitwise_right_shift)
#define PF_BITWISE(X) X(bitwise_and) X(bitwise_or) X(bitwise_xor) X(bitwise_left_shift) X(bitwise_right_shift)
#define PF_WITH_SCALARS(X) X(maximum) X(minimum) X(div_trunc) X(div_floor)
#define PF_OF_SCALARS(X) X(sub) X(div) X(copysign)

PF_UNARIES(PF_UNARY)
PF_BINARIES(PF_BINARY)
PF_BINARIES_BOTH(PF_BINARY_BOTH)
PF_SHIFTS(PF_SHIFT)
PF_BITWISE(PF_BITWISE_SCALAR)
PF_WITH_SCALARS(PF_WITH_SCALAR)
PF_OF_SCALARS(PF_OF_SCALAR)
PF_OP(add_tensor, "add", "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", true)
PF_OP(add_scalar, "add", "aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", true)
PF_OP(sub_tensor, "sub", "aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", true)
PF_OP(sub_scalar, "sub", "aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", true)
PF_OP(pow_tensor_tensor, "pow", "aten::pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", false)
PF_OP(pow_tensor_scalar, "pow", "aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", false)
PF_OP(pow_scalar, "pow", "aten::pow.Scalar(Scalar self, Tensor exponent) -> Tensor", false)
PF_OP(remainder_scalar_tensor, "remainder",
      "aten::remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", false)
PF_OP(where_self, "where", "aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor", false)
PF_OP(where_scalar_other, "where",
      "aten::where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor", false)
PF_OP(where_scalar_self, "where",
      "aten::where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor", false)
PF_OP(where_scalar, "where", "aten::where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor", false)
// Steps of fused programs that stand for an ATen operator with a mode.
PF_OP(div_trunc_, "div_trunc", "portfire::div_trunc(Tensor self, Tensor other) -> Tensor", false)
PF_OP(div_floor_, "div_floor", "portfire::div_floor(Tensor self, Tensor other) -> Tensor", false)
PF_OP(gelu_none, "gelu", "portfire::gelu(Tensor self) -> Tensor", false)
PF_OP(gelu_tanh_, "gelu_tanh", "portfire::gelu_tanh(Tensor self) -> Tensor", false)
PF_OP(bitwise_not_, "bitwise_not", "portfire::bitwise_not(Tensor self) -> Tensor", false)
PF_OP(square_, "square", "portfire::square(Tensor self) -> Tensor", false)
PF_OP(threshold_, "threshold", "portfire::threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor", false)
// Of min <= max. Its gradient is that of aten::hardtanh, 0 at the bounds too.
PF_OP(clamp_, "clamp", "portfire::clamp(Tensor self, Scalar min, Scalar max) -> Tensor", false)
PF_OP(leaky_relu_, "leaky_relu", "portfire::leaky_relu(Tensor self, Tensor slope) -> Tensor", false)
PF_OP(leaky_relu_scalar, "leaky_relu", "portfire::leaky_relu.Scalar(Tensor self, Scalar slope) -> Tensor", false)
PF_OP(hardshrink_, "hardshrink", "portfire::hardshrink(Tensor self, Scalar lambd) -> Tensor", false)
PF_OP(softshrink_, "softshrink", "portfire::softshrink(Tensor self, Scalar lambd) -> Tensor", false)
PF_OP(hardsigmoid_, "hardsigmoid", "portfire::hardsigmoid(Tensor self) -> Tensor", false)
PF_OP(hardswish_, "hardswish", "portfire::hardswish(Tensor self) -> Tensor", false)
PF_OP(replace_nan_, "replace_nan", "portfire::replace_nan(Tensor self, Scalar value) -> Tensor", false)
PF_OP(replace_inf_, "replace_inf", "portfire::replace_inf(Tensor self, Scalar above, Scalar below) -> Tensor", false)
PF_OP(lerp_, "lerp", "portfire::lerp(Tensor self, Tensor end, Tensor weight) -> Tensor", false)
PF_OP(lerp_scalar, "lerp", "portfire::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor", false)
PF_OP(smooth_l1_, "smooth_l1", "portfire::smooth_l1(Tensor self, Tensor target, Scalar beta) -> Tensor", false)
PF_OP(addcmul_, "addcmul", "portfire::addcmul(Tensor self, Tensor tensor1, Tensor tensor2) -> Tensor", false)
PF_OP(huber_, "huber", "portfire::huber(Tensor self, Tensor target, Scalar delta) -> Tensor", false)
PF_OP(special_i0e, "i0e", "aten::special_i0e(Tensor self) -> Tensor", false)
PF_OP(special_i1, "i1", "aten::special_i1(Tensor self) -> Tensor", false)
PF_OP(special_i1e, "i1e", "aten::special_i1e(Tensor self) -> Tensor", false)

#define PF_ONE(name) name##_,
#define PF_TWO(name) name##_tensor, name##_scalar,
#define PF_BITWISE_NAME(name) name##_of_scalar,
#define PF_WITH_SCALAR_NAME(name) name##_with_scalar,
#define PF_OF_SCALAR_NAME(name) name##_scalar_tensor,
using Ops = OpList<PF_UNARIES(PF_ONE) PF_BINARIES(PF_ONE) PF_BINARIES_BOTH(PF_TWO) PF_SHIFTS(PF_TWO)
                   PF_BITWISE(PF_BITWISE_NAME) PF_WITH_SCALARS(PF_WITH_SCALAR_NAME) PF_OF_SCALARS(PF_OF_SCALAR_NAME)
                   add_tensor, add_scalar, sub_tensor, sub_scalar, pow_tensor_tensor, pow_tensor_scalar, pow_scalar,
                   remainder_scalar_tensor, where_self, where_scalar_other, where_scalar_self, where_scalar,
                   threshold_, clamp_, leaky_relu_, leaky_relu_scalar, hardshrink_, softshrink_, hardsigmoid_, hardswish_,
                   replace_nan_, replace_inf_, lerp_, lerp_scalar, smooth_l1_, addcmul_, huber_, div_trunc_, div_floor_, bitwise_not_, square_, gelu_none, gelu_tanh_, special_i0e, special_i1,
                   special_i1e>;

}  // namespace portfire::ops::pointwise
