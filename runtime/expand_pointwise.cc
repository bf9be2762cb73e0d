// Element-wise operators with parameters, as programs of portfire::pointwise: they run at the speed of memory. What they
// compute is what their decompositions in ops/ say.
#include "ops/composite.h"
#include "ops/element.h"
#include "runtime/expansions.h"

namespace portfire {
namespace {

using namespace expand;

Error clamp(Calls& c) {
  TensorView& x = tensor(c, 0);
  PF_TRY(check_dtype(x));
  const Args a = c.args();
  ops::Promotion promotion;
  for (size_t i = 0; i < 3; ++i) promotion.add(a[i]);
  const DType t = promotion.result();
  PointwiseText text(c);
  int y = text.cast(text.input(x), t);
  if (!a.none(1)) y = text.step("maximum", t, {y, a.scalar(1)});
  if (!a.none(2)) y = text.step("minimum", t, {y, a.scalar(2)});
  return text.finish(c.out());
}

Error clamp_tensor(Calls& c) {
  ops::Promotion promotion;
  PointwiseText text(c);
  int regs[3] = {-1, -1, -1};
  for (size_t i = 0; i < 3; ++i) {
    if (c.args().none(i)) continue;
    PF_TRY(check_dtype(tensor(c, i)));
    promotion.add(tensor(c, i));
    regs[i] = text.input(tensor(c, i));
  }
  const DType t = promotion.result();
  int y = text.cast(regs[0], t);
  if (regs[1] >= 0) y = text.step("maximum", t, {y, regs[1]});
  if (regs[2] >= 0) y = text.step("minimum", t, {y, regs[2]});
  return text.finish(c.out());
}

// min(max(x, low), high) in x's own dtype.
Error hardtanh(Calls& c) {
  TensorView& x = tensor(c, 0);
  PF_TRY(check_dtype(x));
  PointwiseText text(c);
  const int y = text.step("maximum", x.dtype, {text.input(x), c.args().scalar(1)});
  text.step("minimum", x.dtype, {y, c.args().scalar(2)});
  return text.finish(c.out());
}

// Of one operand, computed in f32 or f64 and rounded to `result` at the end.
template <class F>
Error floating(Calls& c, DType result, F f) {
  TensorView& x = tensor(c, 0);
  PF_TRY(check_dtype(x));
  const DType t = ops::compute_dtype(ops::float_result(x.dtype));
  PointwiseText text(c);
  text.cast(f(text, text.cast(text.input(x), t), t), result);
  return text.finish(c.out());
}

Error gelu(Calls& c) {
  const std::string_view form = c.args().string(1);
  if (form != "none" && form != "tanh")
    return Error::make(Code::bad_argument, "approximate is \"%.*s\" (expected none or tanh)", static_cast<int>(form.size()), form.data());
  return floating(c, tensor(c, 0).dtype,
                  [&](PointwiseText& p, int x, DType t) { return p.step(form == "tanh" ? "gelu_tanh" : "gelu", t, {x}); });
}

Error leaky_relu(Calls& c) {
  return floating(c, tensor(c, 0).dtype,
                  [&](PointwiseText& p, int x, DType t) { return p.step("leaky_relu", t, {x, c.args().scalar(1)}); });
}

// x > 0: scale x; else alpha scale (exp(input_scale x) - 1)
Error elu(Calls& c) {
  const Args a = c.args();
  const double alpha = a.real(1), scale = a.real(2), input_scale = a.real(3);
  return floating(c, tensor(c, 0).dtype, [&](PointwiseText& p, int x, DType t) {
    int below = p.step("expm1", t, {input_scale == 1 ? x : p.step("mul", t, {x, input_scale})});
    below = p.step("mul", t, {below, alpha * scale});
    const int above = scale == 1 ? x : p.step("mul", t, {x, scale});
    return p.step("where", t, {p.step("gt", t, {x, 0.0}), above, below});
  });
}

// log(z / (1 - z)), z clamped to [eps, 1 - eps]
Error logit(Calls& c) {
  return floating(c, ops::float_result(tensor(c, 0).dtype), [&](PointwiseText& p, int z, DType t) {
    if (!c.args().none(1)) {
      const double eps = c.args().real(1);
      z = p.step("maximum", t, {z, eps});
      z = p.step("minimum", t, {z, 1 - eps});
    }
    return p.step("log", t, {p.step("div", t, {z, p.step("sub", t, {1.0, z})})});
  });
}

Error bitwise_not(Calls& c) {
  const Op* op = find_op(tensor(c, 0).dtype == DType::boolean ? "aten::logical_not" : "portfire::bitwise_not");
  const Value* const args[] = {c.arg(0)};
  return add_pointwise(c, *op, args, c.out());
}

Error masked_fill(Calls& c) {
  TensorView &x = tensor(c, 0), &mask = tensor(c, 1);
  PF_TRY(check_dtype(x));
  if (mask.dtype != DType::boolean) return Error::make(Code::bad_argument, "mask %s (expected bool)", TypeText(mask).c_str());
  PointwiseText text(c);
  const int old = text.input(x), condition = text.input(mask);
  text.step("where", x.dtype, {condition, c.args().scalar(2), old});
  return text.finish(c.out());
}

// other - alpha self
Error rsub(Calls& c) {
  TensorView& x = tensor(c, 0);
  PF_TRY(check_dtype(x));
  const Args a = c.args();
  ops::Promotion promotion;
  promotion.add(a[0]);
  promotion.add(a[1]);
  const DType t = promotion.result();
  PointwiseText text(c);
  int y = text.input(x);
  if (a.scalar(2).as_double() != 1) y = text.step("mul", t, {y, a.scalar(2)});
  text.step("sub", t, {a.scalar(1), y});
  return text.finish(c.out());
}

// A floating quotient is rounded to its dtype before it is truncated; a 16-bit one by a number only to f32.
Error divide(Calls& c, std::string_view mode) {
  const Args a = c.args();
  if (mode != "floor" && mode != "trunc" && !mode.empty())
    return Error::make(Code::bad_argument, "rounding_mode is \"%.*s\" (expected floor or trunc)", static_cast<int>(mode.size()),
                       mode.data());
  ops::Promotion promotion;
  PointwiseText text(c);
  Operand by = 0;
  for (size_t i = 0; i < 2; ++i) {
    promotion.add(a[i]);
    if (a[i].kind == Value::Kind::tensor) PF_TRY(check_dtype(*a[i].tensor));
  }
  const int x = text.input(tensor(c, 0));
  by = a[1].kind == Value::Kind::tensor ? Operand(text.input(tensor(c, 1))) : Operand(a.scalar(1));
  const DType t = promotion.result();
  if (mode.empty()) {
    text.step("div", ops::float_of(t), {x, by});
  } else if (mode == "floor" || !is_floating(t)) {
    text.step(mode == "floor" ? "div_floor" : "div_trunc", t, {x, by});
  } else {
    const DType wide = by.reg < 0 ? ops::compute_dtype(t) : t;
    text.cast(text.step("trunc", wide, {text.step("div", wide, {x, by})}), t);
  }
  return text.finish(c.out());
}
Error divide_by_mode(Calls& c) { return divide(c, c.args().string(2)); }
Error floor_divide(Calls& c) { return divide(c, "floor"); }

Error copy_first(Calls& c) { return add_copy(c, tensor(c, 0), c.out(), tensor(c, 0).shape); }
Error copy_second(Calls& c) { return add_copy(c, tensor(c, 1), c.out(), tensor(c, 0).shape); }

constexpr Expansion kExpansions[] = {
    {"aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", clamp},
    {"aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", clamp_tensor},
    {"aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor", hardtanh},
    {"aten::gelu(Tensor self, *, str approximate=\"none\") -> Tensor", gelu},
    {"aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor", leaky_relu},
    {"aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor", elu},
    {"aten::logit(Tensor self, float? eps=None) -> Tensor", logit},
    {"aten::bitwise_not(Tensor self) -> Tensor", bitwise_not},
    {"aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor", masked_fill},
    {"aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", rsub},
    {"aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", divide_by_mode},
    {"aten::div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor", divide_by_mode},
    {"aten::floor_divide(Tensor self, Tensor other) -> Tensor", floor_divide},
    {"aten::clone(Tensor self) -> Tensor", copy_first},
    {"aten::_to_copy(Tensor self, ScalarType? dtype=None) -> Tensor", copy_first},
    {"aten::copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor", copy_second},
    {"aten::fill.Tensor(Tensor self, Tensor value) -> Tensor", copy_second},
};

}  // namespace

std::span<const Expansion> pointwise_expansions() { return kExpansions; }

}  // namespace portfire
