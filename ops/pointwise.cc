#include "ops/pointwise.h"

#include <cmath>
#include <complex>

#include "ops/element.h"

namespace portfire::ops::pointwise {
namespace {

using Complex = std::complex<double>;

// The operators of complex numbers that ATen has and programs around an FFT need.
bool run_complex(std::string_view name, Complex x, Complex y, Complex z, Complex* out) {
  if (name == "add") *out = x + y;
  else if (name == "sub") *out = x - y;
  else if (name == "mul") *out = x * y;
  else if (name == "div") *out = x / y;
  else if (name == "neg") *out = -x;
  else if (name == "sgn") *out = x == 0.0 ? x : x / std::abs(x);
  else if (name == "reciprocal") *out = 1.0 / x;
  else if (name == "square") *out = x * x;
  else if (name == "pow") *out = y == 0.0 ? 1.0 : x == 0.0 ? 0.0 : std::pow(x, y);
  else if (name == "sqrt") *out = std::sqrt(x);
  else if (name == "rsqrt") *out = 1.0 / std::sqrt(x);
  else if (name == "exp") *out = std::exp(x);
  else if (name == "exp2") *out = std::exp(x * std::log(2.0));
  else if (name == "expm1") *out = std::exp(x) - 1.0;
  else if (name == "log") *out = std::log(x);
  else if (name == "log2") *out = std::log(x) / std::log(2.0);
  else if (name == "log1p") *out = std::log(1.0 + x);
  else if (name == "log10") *out = std::log10(x);
  else if (name == "sin") *out = std::sin(x);
  else if (name == "cos") *out = std::cos(x);
  else if (name == "tan") *out = std::tan(x);
  else if (name == "asin") *out = std::asin(x);
  else if (name == "acos") *out = std::acos(x);
  else if (name == "atan") *out = std::atan(x);
  else if (name == "asinh") *out = std::asinh(x);
  else if (name == "acosh") *out = std::acosh(x);
  else if (name == "atanh") *out = std::atanh(x);
  else if (name == "sinh") *out = std::sinh(x);
  else if (name == "cosh") *out = std::cosh(x);
  else if (name == "tanh") *out = std::tanh(x);
  else if (name == "sigmoid") *out = 1.0 / (1.0 + std::exp(-x));
  else if (name == "silu") *out = x / (1.0 + std::exp(-x));
  else if (name == "where") *out = x != 0.0 ? y : z;
  else if (name == "eq") *out = x == y;
  else if (name == "ne") *out = x != y;
  else if (name == "logical_not") *out = x == 0.0;
  else if (name == "logical_and") *out = x != 0.0 && y != 0.0;
  else if (name == "logical_or") *out = x != 0.0 || y != 0.0;
  else if (name == "logical_xor") *out = (x != 0.0) != (y != 0.0);
  else if (name == "isnan") *out = std::isnan(x.real()) || std::isnan(x.imag());
  else if (name == "isinf") *out = std::isinf(x.real()) || std::isinf(x.imag());
  else return false;
  return true;
}

// Complex operands, a real result.
bool gives_real(std::string_view name) { return name == "abs" || name == "angle"; }

// ATen multiplies 16-bit floats by a number, or a tensor of one element, as it is, in f32; elsewhere
// it rounds operands to the common dtype first.
bool keeps_numbers(std::string_view name) { return name == "mul" || name == "div"; }

bool is_number(const Value& v) { return v.kind != Value::Kind::tensor || v.tensor->numel() == 1; }

Error common_dtype(const Pointwise& p, const Args& a, DType* out) {
  Promotion promotion;
  for (size_t i = p.rule == PointwiseRule::first; i < p.arity; ++i) promotion.add(a[i]);
  *out = p.rule == PointwiseRule::floating ? float_of(promotion.result()) : promotion.result();
  return {};
}

// Loads operand `v` at an index, converted to `dtype`, in the widest type of its class.
template <class T>
T operand(const Value& v, const Index& at, DType dtype);
template <>
double operand(const Value& v, const Index& at, DType dtype) {
  if (v.kind == Value::Kind::tensor) return round_to(dtype, load_real(*v.tensor, at.offset(*v.tensor)));
  const double d = v.kind == Value::Kind::real ? v.real : v.kind == Value::Kind::boolean ? v.boolean : static_cast<double>(v.integer);
  return round_to(dtype, d);
}
template <>
int64_t operand(const Value& v, const Index& at, DType dtype) {
  if (v.kind == Value::Kind::tensor) return wrap_to(dtype, load_int(*v.tensor, at.offset(*v.tensor)));
  return wrap_to(dtype, v.kind == Value::Kind::real ? static_cast<int64_t>(v.real) : v.kind == Value::Kind::boolean ? v.boolean : v.integer);
}
template <>
Complex operand(const Value& v, const Index& at, DType dtype) {
  if (v.kind == Value::Kind::tensor) return load_complex(*v.tensor, at.offset(*v.tensor));
  return operand<double>(v, at, real_of(dtype));
}

// The condition of `where` is tested as it is, whatever its dtype.
double condition(const Value& v, const Index& at) {
  return v.tensor->dtype == DType::boolean || is_integral(v.tensor->dtype) ? load_int(*v.tensor, at.offset(*v.tensor)) != 0
                                                                           : load_real(*v.tensor, at.offset(*v.tensor)) != 0;
}

}  // namespace

Error infer_pointwise(const Pointwise& p, const Args& a, std::span<TensorSpec> outs) {
  TensorSpec& out = outs[0];
  PF_TRY(common_dtype(p, a, &out.dtype));
  const bool bitwise = p.name.substr(0, 7) == "bitwise";
  if (bitwise && (is_floating(out.dtype) || is_complex(out.dtype)))
    return Error::make(Code::bad_argument, "%.*s of dtype %s (expected an integer or bool)",
                       static_cast<int>(p.name.size()), p.name.data(), name_of(out.dtype));
  if (p.rule == PointwiseRule::predicate) out.dtype = DType::boolean;
  if (is_complex(out.dtype) && gives_real(p.name)) out.dtype = real_of(out.dtype);
  out.shape = Shape();
  for (size_t i = 0; i < p.arity; ++i)
    if (a[i].kind == Value::Kind::tensor) PF_TRY(broadcast(out.shape, a[i].tensor->shape, &out.shape));
  return {};
}

Error run_pointwise(const Pointwise& p, const Args& a, std::span<TensorView> outs, bool scaled) {
  DType dtype;
  PF_TRY(common_dtype(p, a, &dtype));
  const TensorView& out = outs[0];
  const size_t first = p.rule == PointwiseRule::first;
  if (is_complex(dtype)) {
    for (Index at(out.shape); at.valid(); at.next()) {
      Complex x[3] = {}, result;
      if (first) x[0] = condition(a[0], at);
      for (size_t i = first; i < p.arity; ++i) x[i] = operand<Complex>(a[i], at, dtype);
      if (scaled) x[p.arity - 1] *= a.real(p.arity);
      if (gives_real(p.name)) {
        store_real(out, at.offset(out), p.name == "abs" ? std::abs(x[0]) : std::arg(x[0]));
        continue;
      }
      if (!run_complex(p.name, x[0], x[1], x[2], &result))
        return Error::make(Code::unsupported, "%.*s of complex numbers", static_cast<int>(p.name.size()), p.name.data());
      store_complex(out, at.offset(out), result);
    }
  } else if (is_floating(dtype)) {
    const DType number_dtype = keeps_numbers(p.name) && dtype != DType::f64 ? DType::f32 : dtype;
    for (Index at(out.shape); at.valid(); at.next()) {
      double x[3] = {};
      if (first) x[0] = condition(a[0], at);
      for (size_t i = first; i < p.arity; ++i)
        x[i] = operand<double>(a[i], at, is_number(a[i]) ? number_dtype : dtype);
      if (scaled) x[p.arity - 1] *= round_to(dtype, a.real(p.arity));
      store_real(out, at.offset(out), p.name == "nextafter" ? next_after(dtype, x[0], x[1]) : p.real(x[0], x[1], x[2]));
    }
  } else {
    for (Index at(out.shape); at.valid(); at.next()) {
      int64_t x[3] = {};
      if (first) x[0] = condition(a[0], at) != 0;
      for (size_t i = first; i < p.arity; ++i) x[i] = operand<int64_t>(a[i], at, dtype);
      if (scaled) x[p.arity - 1] *= a.integer(p.arity);
      store_int(out, at.offset(out), wrap_to(dtype, p.integer(x[0], x[1], x[2])));
    }
  }
  return {};
}

}  // namespace portfire::ops::pointwise
