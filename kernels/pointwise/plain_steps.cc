// Steps that are one or two instructions in every type: plain loops, which the compiler turns into
// vector code for each ISA.
#include "kernels/pointwise/steps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/plain_steps.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/pointwise/plain_loop.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

// Sums, differences and products of integers wrap: they are made in the unsigned type of the width.
#define PF_NUMBER_TYPES(X) X(f64, double, double) PF_INTEGER_TYPES(X)
#define PF_INTEGER_TYPES(X) \
  X(i64, int64_t, uint64_t) X(i32, int32_t, uint32_t) X(i8, int8_t, uint8_t) X(u8, uint8_t, uint8_t)

// name, expression of x, y of type T; U is what wraps
#define PF_ARITHMETIC(X, ...)                                            \
  X(add, static_cast<U>(x) + static_cast<U>(y), __VA_ARGS__)             \
  X(sub, static_cast<U>(x) - static_cast<U>(y), __VA_ARGS__)             \
  X(mul, static_cast<U>(x) * static_cast<U>(y), __VA_ARGS__)             \
  X(neg, U(0) - static_cast<U>(x), __VA_ARGS__)                          \
  X(square, static_cast<U>(x) * static_cast<U>(x), __VA_ARGS__)          \
  X(abs, x > 0 ? static_cast<U>(x) : U(0) - static_cast<U>(x), __VA_ARGS__)
#define PF_INTEGER_ONLY(X, ...)         \
  X(maximum, x > y ? x : y, __VA_ARGS__) \
  X(minimum, x < y ? x : y, __VA_ARGS__) \
  X(relu, x > 0 ? x : 0, __VA_ARGS__)    \
  X(bitwise_and, x & y, __VA_ARGS__)     \
  X(bitwise_or, x | y, __VA_ARGS__)      \
  X(bitwise_xor, x ^ y, __VA_ARGS__)     \
  X(bitwise_not, ~x, __VA_ARGS__)       \
  X(sign, (x > 0) - !((x > 0) | (x == 0)), __VA_ARGS__) \
  X(sgn, (x > 0) - !((x > 0) | (x == 0)), __VA_ARGS__)  \
  X(bitwise_left_shift, static_cast<U>(y) < 8 * sizeof(T) ? static_cast<U>(static_cast<U>(x) << (static_cast<U>(y) % (8 * sizeof(T)))) : U(0), __VA_ARGS__)
// f32 holds quotients of bytes well enough to cut them off.
#define PF_QUOTIENT (y == 0 ? 0 : static_cast<int>(static_cast<float>(x) / static_cast<float>(y == 0 ? 1 : y)))
#define PF_U8_ONLY(X, ...)                                           \
  X(div_trunc, PF_QUOTIENT, __VA_ARGS__)                             \
  X(div_floor, PF_QUOTIENT, __VA_ARGS__)                             \
  X(fmod, y == 0 ? 0 : x - PF_QUOTIENT * y, __VA_ARGS__)             \
  X(remainder, y == 0 ? 0 : x - PF_QUOTIENT * y, __VA_ARGS__)
// What a choice between operands passes on is NaN where one of them is.
#define PF_F64_ONLY(X, ...)                                        \
  X(neg, -x, __VA_ARGS__)                                          \
  X(abs, __builtin_fabs(x), __VA_ARGS__)                           \
  X(add, x + y, __VA_ARGS__)                                       \
  X(sub, x - y, __VA_ARGS__)                                       \
  X(mul, x * y, __VA_ARGS__)                                       \
  X(div, x / y, __VA_ARGS__)                                       \
  X(square, x * x, __VA_ARGS__)                                    \
  X(reciprocal, 1 / x, __VA_ARGS__)                                \
  X(sqrt, __builtin_sqrt(x), __VA_ARGS__)                          \
  X(relu, x <= 0 ? 0 : x, __VA_ARGS__)                             \
  X(maximum, (x > y) | (x != x) ? x : y, __VA_ARGS__)                 \
  X(minimum, (x < y) | (x != x) ? x : y, __VA_ARGS__)
#define PF_PREDICATES(X, ...)            \
  X(eq, x == y, __VA_ARGS__)             \
  X(ne, x != y, __VA_ARGS__)             \
  X(lt, x < y, __VA_ARGS__)              \
  X(le, x <= y, __VA_ARGS__)             \
  X(gt, x > y, __VA_ARGS__)              \
  X(ge, x >= y, __VA_ARGS__)             \
  X(logical_not, x == 0, __VA_ARGS__)    \
  X(logical_and, (x != 0) & (y != 0), __VA_ARGS__) \
  X(logical_or, (x != 0) | (y != 0), __VA_ARGS__)  \
  X(logical_xor, (x != 0) != (y != 0), __VA_ARGS__)
#define PF_FLOAT_PREDICATES(X, ...)      \
  X(isnan, x != x, __VA_ARGS__)          \
  X(isinf, (x == __builtin_inf()) | (x == -__builtin_inf()), __VA_ARGS__)

// Unary steps have no second operand: theirs stands in for it.
#define PF_STEP(name, expression, type, T_, U_, Out)                    \
  void type##_##name(const pointwise::StepCall& c, size_t n) {          \
    using T = T_;                                                       \
    using U [[maybe_unused]] = U_;                                      \
    const T* a = static_cast<const T*>(c.in[0]);                        \
    const T* b = static_cast<const T*>(c.in[1] ? c.in[1] : c.in[0]);    \
    Out* out = static_cast<Out*>(c.out);                                \
    n = pointwise::padded(n);                                            \
    PF_PLAIN_LOOP                                                       \
    for (size_t i = 0; i < n; ++i) {                                    \
      const T x = a[i];                                                 \
      [[maybe_unused]] const T y = b[i];                                \
      out[i] = static_cast<Out>(expression);                            \
    }                                                                   \
  }
// Chooses bits, whatever they mean: a choice between floats would become branches.
#define PF_WHERE(bytes, U)                                              \
  void where##bytes(const pointwise::StepCall& c, size_t n) {           \
    const uint8_t* condition = static_cast<const uint8_t*>(c.in[0]);    \
    const U *a = static_cast<const U*>(c.in[1]), *b = static_cast<const U*>(c.in[2]); \
    U* out = static_cast<U*>(c.out);                                    \
    n = pointwise::padded(n);                                            \
    PF_PLAIN_LOOP                                                       \
    for (size_t i = 0; i < n; ++i) {                                    \
      const U chosen = static_cast<U>(U(0) - static_cast<U>(condition[i] != 0)); \
      out[i] = static_cast<U>((a[i] & chosen) | (b[i] & ~chosen));      \
    }                                                                   \
  }
PF_WHERE(1, uint8_t)
PF_WHERE(4, uint32_t)
PF_WHERE(8, uint64_t)

#define X(type, T, U)                      \
  PF_ARITHMETIC(PF_STEP, type, T, U, T)    \
  PF_INTEGER_ONLY(PF_STEP, type, T, U, T)
PF_INTEGER_TYPES(X)
#undef X
PF_F64_ONLY(PF_STEP, f64, double, double, double)
PF_U8_ONLY(PF_STEP, u8, uint8_t, uint8_t, uint8_t)
#define X(type, T, U) PF_PREDICATES(PF_STEP, type, T, U, uint8_t)
PF_NUMBER_TYPES(X)
X(f32, float, float)
#undef X
PF_FLOAT_PREDICATES(PF_STEP, f32, float, float, uint8_t)
PF_FLOAT_PREDICATES(PF_STEP, f64, double, double, uint8_t)

pointwise::StepFn find_plain_step(const ops::Pointwise& op, pointwise::Class c) {
#define PF_FIND(name_, expression, type) \
  if (op.name == #name_) return &type##_##name_;
#define X(type, T, U)                          \
  if (c == pointwise::Class::type) {           \
    PF_ARITHMETIC(PF_FIND, type)               \
    PF_INTEGER_ONLY(PF_FIND, type)             \
  }
  PF_INTEGER_TYPES(X)
#undef X
  if (c == pointwise::Class::u8) {
    PF_U8_ONLY(PF_FIND, u8)
  }
  if (c == pointwise::Class::f64) {
    PF_F64_ONLY(PF_FIND, f64)
    PF_FLOAT_PREDICATES(PF_FIND, f64)
  }
  if (c == pointwise::Class::f32) {
    PF_FLOAT_PREDICATES(PF_FIND, f32)
  }
#define X(type, T, U)                \
  if (c == pointwise::Class::type) { \
    PF_PREDICATES(PF_FIND, type)     \
  }
  PF_NUMBER_TYPES(X)
  X(f32, float, float)
#undef X
  if (op.name != "where") return nullptr;
  const size_t bytes = pointwise::bytes_of(c);
  return bytes == 8 ? &where8 : bytes == 4 ? &where4 : &where1;
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(find_plain_step);
namespace pointwise {
StepFn plain_step(const ops::Pointwise& op, Class c) { return HWY_DYNAMIC_DISPATCH(find_plain_step)(op, c); }
}  // namespace pointwise
}  // namespace portfire
#endif
