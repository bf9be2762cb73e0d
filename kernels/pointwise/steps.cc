#include "kernels/pointwise/steps.h"

#include <type_traits>

#include "ops/element.h"

namespace portfire::pointwise {
namespace {

// The table's formula, element by element, in the widest type of its kind. T is the type of the
// operands' class; a predicate gives bytes.
template <class T>
void formula(const StepCall& c, size_t n) {
  const bool first = c.op->rule == ops::PointwiseRule::first;
  const uint8_t* condition = static_cast<const uint8_t*>(c.in[0]);
  const T *a = static_cast<const T*>(c.in[0]), *b = static_cast<const T*>(c.in[1]), *d = static_cast<const T*>(c.in[2]);
  const auto at = [&](size_t i) {
    if constexpr (std::is_floating_point_v<T>)
      return c.op->real(first ? condition[i] : a[i], b ? b[i] : 0, d ? d[i] : 0);
    else
      return c.op->integer(first ? condition[i] : a[i], b ? b[i] : 0, d ? d[i] : 0);
  };
  if (c.op->rule == ops::PointwiseRule::predicate)
    for (size_t i = 0; i < n; ++i) static_cast<uint8_t*>(c.out)[i] = at(i) != 0;
  else if (c.result == DType::boolean)
    for (size_t i = 0; i < n; ++i) static_cast<T*>(c.out)[i] = at(i) != 0;
  else
    for (size_t i = 0; i < n; ++i) static_cast<T*>(c.out)[i] = static_cast<T>(at(i));
}

template <class T>
void fill(void* out, T value, size_t n) {
  for (size_t i = 0; i < n; ++i) static_cast<T*>(out)[i] = value;
}

}  // namespace

StepFn step_fn(const ops::Pointwise& op, DType dtype) {
  const Class c = class_of(dtype);
  if (c == Class::f32) {
    if (StepFn fast = f32_step(op)) return fast;
    if (StepFn fast = f32_math(op)) return fast;
  }
  if (StepFn fast = double_math(op, c)) return fast;
  if (dtype != DType::boolean)
    if (StepFn fast = choice_step(op, c)) return fast;
  // Arithmetic on bool goes by the formula, which knows that 1 + 1 is 1; there is little of it.
  const bool arithmetic = op.rule == ops::PointwiseRule::keep && op.name != "maximum" && op.name != "minimum" &&
                          op.name != "bitwise_and" && op.name != "bitwise_or" && op.name != "bitwise_xor";
  if (dtype != DType::boolean || !arithmetic)
    if (StepFn fast = plain_step(op, c)) return fast;
  switch (c) {
    case Class::f32: return formula<float>;
    case Class::f64: return formula<double>;
    case Class::i64: return formula<int64_t>;
    case Class::i32: return formula<int32_t>;
    case Class::i8: return formula<int8_t>;
    case Class::u8: return formula<uint8_t>;
  }
  return nullptr;
}

void fill_strip(void* out, DType dtype, double real, int64_t integer, size_t n) {
  const int64_t whole = ops::wrap_to(dtype, integer);
  switch (class_of(dtype)) {
    case Class::f32: return fill(out, static_cast<float>(ops::round_to(dtype, real)), n);
    case Class::f64: return fill(out, real, n);
    case Class::i64: return fill(out, whole, n);
    case Class::i32: return fill(out, static_cast<int32_t>(whole), n);
    case Class::i8: return fill(out, static_cast<int8_t>(whole), n);
    case Class::u8: return fill(out, static_cast<uint8_t>(whole), n);
  }
}

}  // namespace portfire::pointwise
