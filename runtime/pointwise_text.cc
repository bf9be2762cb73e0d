#include "runtime/pointwise_text.h"

#include <cstdarg>
#include <cstdio>

#include "ops/element.h"
#include "ops/pointwise_table.h"
#include "ops/schema_kinds.h"

namespace portfire {

bool is_pointwise_dtype(DType t) { return !is_complex(t) && t != DType::u16 && t != DType::u32 && t != DType::u64; }

// Never to a lesser category: complex, floating, integer, bool.
bool can_cast(DType from, DType to) {
  const auto category = [](DType t) { return is_complex(t) ? 3 : is_floating(t) ? 2 : is_integral(t) ? 1 : 0; };
  return category(from) <= category(to);
}

void PointwiseText::write(const char* format, ...) {
  va_list args;
  va_start(args, format);
  const int n = vsnprintf(text_ + length_, sizeof text_ - length_, format, args);
  va_end(args);
  if (n < 0 || length_ + static_cast<size_t>(n) >= sizeof text_)
    full_ = true;
  else
    length_ += static_cast<size_t>(n);
}

int PointwiseText::input(TensorView& t) {
  for (int i = 0; i < input_count_; ++i)
    if (inputs_[i] == &t) return i;
  if (steps_ > 0 || input_count_ == static_cast<int>(std::size(inputs_))) {
    full_ = true;
    return 0;
  }
  inputs_[input_count_] = &t;
  dtypes_[input_count_] = t.dtype;
  return input_count_++;
}

void PointwiseText::write_operand(const Operand& o, DType dtype) {
  if (o.reg >= 0) return write(" %d", o.reg);
  room_ += kNumber;
  if (is_floating(dtype))
    write(" #%a", o.number.as_double());
  else
    write(" #%lld", static_cast<long long>(o.number.as_int()));
}

int PointwiseText::cast(int reg, DType dtype) { return dtypes_[reg] == dtype ? reg : step("cast", dtype, {reg}); }

int PointwiseText::step(std::string_view op, DType dtype, std::span<const Operand> operands) {
  const ops::Pointwise* p = ops::find_pointwise(op);  // null: a cast
  Operand ready[3] = {0, 0, 0};
  for (size_t i = 0; i < operands.size() && i < 3; ++i) {
    const bool any_dtype = !p || (p->rule == ops::PointwiseRule::first && i == 0);
    ready[i] = operands[i].reg < 0 || any_dtype ? operands[i] : Operand(cast(operands[i].reg, dtype));
  }
  const int reg = input_count_ + steps_;
  if (reg >= kRegisters) {
    full_ = true;
    return 0;
  }
  write("%s%.*s.%s", steps_ ? "; " : "", static_cast<int>(op.size()), op.data(), name_of(dtype));
  for (size_t i = 0; i < operands.size() && i < 3; ++i) write_operand(ready[i], dtype);
  dtypes_[reg] = p && p->rule == ops::PointwiseRule::predicate ? DType::boolean : dtype;
  ++steps_;
  return reg;
}

Error PointwiseText::finish(TensorView& out) {
  const int last = input_count_ + steps_ - 1;
  const DType result = dtypes_[last];
  if (!can_cast(result, out.dtype))
    return Error::make(Code::bad_file, "result is %s, which cannot be cast to %s", name_of(result), name_of(out.dtype));
  if (steps_ == 0 || result != out.dtype) step("cast", out.dtype, {last});
  if (full_ || input_count_ == 0) return Error::make(Code::unsupported, "no element-wise program of so many steps");
  const Value* inputs;
  switch (input_count_) {
    case 1: inputs = calls_.list({inputs_[0]}); break;
    case 2: inputs = calls_.list({inputs_[0], inputs_[1]}); break;
    case 3: inputs = calls_.list({inputs_[0], inputs_[1], inputs_[2]}); break;
    case 4: inputs = calls_.list({inputs_[0], inputs_[1], inputs_[2], inputs_[3]}); break;
    default: inputs = calls_.list({inputs_[0], inputs_[1], inputs_[2], inputs_[3], inputs_[4]});
  }
  return calls_.add("portfire::pointwise", {inputs, calls_.text({text_, length_}, room_)}, {&out});
}

namespace {

// The line of ops/pointwise_table.h that an operator of a plain form is: its leading arguments are the operands, after them at
// most alpha.
const ops::Pointwise* entry_of(const Op& op) {
  std::string_view name = op.name();
  const size_t space = name.find("::");
  if (space == name.npos) return nullptr;
  name.remove_prefix(space + 2);
  const ops::Pointwise* p = ops::find_pointwise(name.substr(0, name.find('.')));
  if (!p || op.outs != 1 || op.args < p->arity || op.args > p->arity + 1) return nullptr;
  bool plain = true;
  for_each_argument(op.schema, [&](size_t i, std::string_view type) { plain &= type == "Scalar" || (i < p->arity && type == "Tensor"); });
  return plain ? p : nullptr;
}

Scalar times(const Scalar& a, const Scalar& b) {
  if (a.is_real() || b.is_real()) return {Value::Kind::real, 0, a.as_double() * b.as_double()};
  return {Value::Kind::integer, static_cast<int64_t>(static_cast<uint64_t>(a.i) * static_cast<uint64_t>(b.i)), 0};
}

}  // namespace

Error add_pointwise(Calls& c, const Op& op, std::span<const Value* const> args, TensorView& out) {
  const ops::Pointwise* p = entry_of(op);
  TensorView* const direct[] = {&out};
  if (!p || args.size() < p->arity || !is_pointwise_dtype(out.dtype)) return c.add(op, args, direct);
  PF_TRY(check_kinds(op.schema, args));
  const Args a(args);
  const bool chooses = p->rule == ops::PointwiseRule::first;
  ops::Promotion promotion;
  bool tensors = false;
  for (size_t i = 0; i < p->arity; ++i) {
    if (!(chooses && i == 0)) promotion.add(a[i]);
    if (a[i].kind != Value::Kind::tensor) continue;
    tensors = true;
    if (!is_pointwise_dtype(a[i].tensor->dtype)) return c.add(op, args, direct);
  }
  if (!tensors) return c.add(op, args, direct);
  TensorSpec spec;
  if (Error e = op.infer(a, {&spec, 1}); e && !c.sampled()) return e;  // what the operator does not take
  const DType common = p->rule == ops::PointwiseRule::floating ? ops::float_of(promotion.result()) : promotion.result();
  PointwiseText text(c);
  PointwiseText::Operand operands[3] = {0, 0, 0};
  for (size_t i = 0; i < p->arity; ++i)
    operands[i] = a[i].kind == Value::Kind::tensor ? PointwiseText::Operand(text.input(*a[i].tensor)) : PointwiseText::Operand(a.scalar(i));
  if (args.size() > p->arity) {
    const Scalar alpha = a.scalar(p->arity);
    PointwiseText::Operand& last = operands[p->arity - 1];
    if (last.reg < 0)
      last.number = times(last.number, alpha);
    else if (alpha.as_double() != 1)
      last = text.step("mul", common, {last, alpha});
  }
  text.step(p->name, common, {operands, p->arity});
  return text.finish(out);
}

Error add_copy(Calls& c, TensorView& t, TensorView& out, const Shape& sizes) {
  TensorView* from = &t;
  if (t.shape != sizes) {
    Shape both;
    const Error no = ops::broadcast(t.shape, sizes, &both);
    if (!c.sampled() && (no || both != sizes))
      return Error::make(Code::bad_argument, "%s into %s", TypeText(t).c_str(), TypeText(out.dtype, sizes).c_str());
    from = c.derive(t);
    for (int d = 0; d < sizes.rank; ++d) {
      const int k = d - (sizes.rank - t.rank());
      from->strides[d] = k < 0 || t.size(k) == 1 ? 0 : t.strides[k];
    }
    from->shape = sizes;
  }
  if (t.dtype == out.dtype || !is_pointwise_dtype(t.dtype) || !is_pointwise_dtype(out.dtype))
    return c.add("aten::_to_copy", {c.value(from), c.dtype(out.dtype), c.none(), c.none(), c.none(), c.value(false)}, {&out});
  PointwiseText text(c);
  text.step("cast", out.dtype, {text.input(*from)});
  return text.finish(out);
}

}  // namespace portfire
