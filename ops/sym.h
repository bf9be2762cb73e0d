// Arithmetic on the integers, floats and booleans of a program: sizes read from tensors, and what
// the export computed of them. Executed by the runtime between tensor operators; names and semantics
// are ExecuTorch's prim operators, which follow Python's.
#pragma once

#include "ops/op.h"

namespace portfire::ops::sym {

// X(struct, name, formula on reals, formula on integers)
#define PF_SYM_BINARIES(X)                                                     \
  X(Add, "add", x + y, x + y)                                                  \
  X(Sub, "sub", x - y, x - y)                                                  \
  X(Mul, "mul", x * y, x * y)                                                  \
  X(FloorDiv, "floordiv", floor_divide(x, y), floor_divide(x, y))              \
  X(Mod, "mod", modulo(x, y), modulo(x, y))                                    \
  X(TrueDiv, "truediv", x / y, 0)                                              \
  X(Pow, "pow", power(x, y), power(x, y))                                      \
  X(Max, "sym_max", x > y ? x : y, x > y ? x : y)                              \
  X(Min, "sym_min", x < y ? x : y, x < y ? x : y)                              \
  X(And, "bitwise_and", 0, x & y)                                              \
  X(Or, "bitwise_or", 0, x | y)                                                \
  X(Eq, "eq", x == y, x == y)                                                  \
  X(Ne, "ne", x != y, x != y)                                                  \
  X(Lt, "lt", x < y, x < y)                                                    \
  X(Le, "le", x <= y, x <= y)                                                  \
  X(Gt, "gt", x > y, x > y)                                                    \
  X(Ge, "ge", x >= y, x >= y)
#define PF_SYM_UNARIES(X)                       \
  X(Neg, "neg", -x, -x)                         \
  X(Not, "sym_not", !x, !x)                     \
  X(Trunc, "trunc", std::trunc(x), x)           \
  X(Ceil, "ceil", std::ceil(x), x)              \
  X(Floor, "floor", std::floor(x), x)           \
  X(Round, "round", std::nearbyint(x), x)       \
  X(Float, "sym_float", x, x)                   \
  X(Int, "sym_int", std::trunc(x), x)           \
  X(Sqrt, "sym_sqrt", std::sqrt(x), 0)

// What one operator of integers makes of `args`; overflow and division by zero are errors.
Error evaluate(std::string_view name, const Args& args, Value* out);
bool is_sym_op(std::string_view name);
// ExecuTorch has `floordiv.int` and `mod.int` too: in place, the name that the same operator has here.
void usual_name(char* name);

// The runtime and the compiler call `evaluate`; a reference exists so that the operator counts as
// runnable.
struct Scalars {
  static Error infer(const Args&, std::span<TensorSpec>) { return {}; }
  static Error reference(const Args&, std::span<TensorView>) { return {}; }
};
#define PF_SYM_BINARY(type, name, real, integer) \
  struct type : Scalars {                        \
    static constexpr std::string_view schema = "executorch_prim::" name ".Scalar(Scalar a, Scalar b) -> Scalar"; \
  };
// b ? t : f
struct Ite : Scalars {
  static constexpr std::string_view schema = "executorch_prim::sym_ite.Scalar(Scalar b, Scalar t, Scalar f) -> Scalar";
};
#define PF_SYM_UNARY(type, name, real, integer) \
  struct type : Scalars {                       \
    static constexpr std::string_view schema = "executorch_prim::" name ".Scalar(Scalar a) -> Scalar"; \
  };
PF_SYM_BINARIES(PF_SYM_BINARY)
PF_SYM_UNARIES(PF_SYM_UNARY)

struct SymSize : Scalars {
  static constexpr std::string_view schema = "aten::sym_size.int(Tensor self, int dim) -> SymInt";
};
struct SymNumel : Scalars {
  static constexpr std::string_view schema = "aten::sym_numel(Tensor self) -> SymInt";
};
// The one element of a tensor, as a number.
struct LocalScalarDense : Scalars {
  static constexpr std::string_view schema = "aten::_local_scalar_dense(Tensor self) -> Scalar";
};

#define PF_SYM_NAME(type, name, real, integer) type,
using Ops = OpList<PF_SYM_BINARIES(PF_SYM_NAME) PF_SYM_UNARIES(PF_SYM_NAME) Ite, SymSize, SymNumel, LocalScalarDense>;

}  // namespace portfire::ops::sym
