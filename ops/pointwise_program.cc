#include "ops/pointwise_program.h"

#include <cstdlib>

#include "ops/element.h"

namespace portfire::ops::pointwise_program {
namespace {

bool parse_dtype(std::string_view name, DType* out) {
#define X(enumerator, id, bytes, text) \
  if (name == text) {                  \
    *out = DType::enumerator;          \
    return true;                       \
  }
  PF_DTYPES(X)
#undef X
  return false;
}

Error bad(const char* what, std::string_view step) {
  return Error::make(Code::bad_file, "pointwise step \"%.*s\": %s", static_cast<int>(step.size()), step.data(), what);
}

bool parse_operand(std::string_view word, int registers, Operand* out) {
  char text[64];
  if (word.empty() || word.size() >= sizeof text) return false;
  const bool literal = word[0] == '#';
  if (literal) word.remove_prefix(1);
  word.copy(text, word.size());
  text[word.size()] = '\0';
  char* end;
  if (literal) {
    out->integer = std::strtoll(text, &end, 10);
    out->real = std::strtod(text, &end);
    if (!(out->real > -9e18 && out->real < 9e18)) out->integer = 0;
    return end == text + word.size();
  }
  const long reg = std::strtol(text, &end, 10);
  out->reg = static_cast<int>(reg);
  return end == text + word.size() && reg >= 0 && reg < registers;
}

Error parse_step(std::string_view text, Program* p) {
  Step& s = p->steps[p->count];
  std::string_view rest = text;
  auto word = [&] {
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    const size_t end = rest.find(' ') == rest.npos ? rest.size() : rest.find(' ');
    const std::string_view w = rest.substr(0, end);
    rest.remove_prefix(end);
    return w;
  };
  const std::string_view head = word();
  const size_t dot = head.rfind('.');
  if (dot == head.npos || !parse_dtype(head.substr(dot + 1), &s.dtype)) return bad("no dtype", text);
  if (is_complex(s.dtype)) return bad("complex dtype", text);
  const std::string_view name = head.substr(0, dot);
  s.op = name == "cast" ? nullptr : find_pointwise(name);
  if (!s.op && name != "cast") return bad("unknown operator", text);
  s.arity = s.op ? s.op->arity : 1;
  s.result = s.op && s.op->rule == PointwiseRule::predicate ? DType::boolean : s.dtype;
  for (int i = 0; i < s.arity; ++i) {
    Operand& o = s.operands[i];
    if (!parse_operand(word(), p->inputs + p->count, &o)) return bad("bad operand", text);
    const bool any_dtype = !s.op || (s.op->rule == PointwiseRule::first && i == 0);
    if (o.reg >= 0 && !any_dtype && p->dtype_of(o.reg) != s.dtype) return bad("operand of another dtype", text);
  }
  if (!word().empty()) return bad("too many operands", text);
  ++p->count;
  return {};
}

}  // namespace

Error parse(std::string_view text, std::span<TensorView* const> inputs, Program* out) {
  out->inputs = static_cast<int>(inputs.size());
  out->count = 0;
  if (inputs.size() > kMaxInputs) return bad("too many inputs", text.substr(0, 40));
  for (size_t i = 0; i < inputs.size(); ++i) {
    out->input_dtypes[i] = inputs[i]->dtype;
    if (is_complex(inputs[i]->dtype)) return bad("complex input", text.substr(0, 40));
  }
  while (!text.empty()) {
    const size_t end = text.find(';') == text.npos ? text.size() : text.find(';');
    if (out->count == kMaxSteps) return bad("too many steps", text.substr(0, 40));
    PF_TRY(parse_step(text.substr(0, end), out));
    text.remove_prefix(end == text.size() ? end : end + 1);
  }
  return out->count ? Error() : bad("no steps", text);
}

namespace {

// The register of result k of `count`; -1 where there is none.
int result_register(const Args& a, const Program& p, size_t k, size_t count) {
  if (k + 1 == count) return p.inputs + p.count - 1;
  const int64_t reg = a.integer(2 + k);
  return reg < p.inputs || reg >= p.inputs + p.count ? -1 : static_cast<int>(reg);
}

Error infer_results(const Args& a, std::span<TensorSpec> outs) {
  Program p;
  PF_TRY(parse(a.string(1), a.tensors(0), &p));
  Shape shape;
  for (const TensorView* t : a.tensors(0)) PF_TRY(broadcast(shape, t->shape, &shape));
  for (size_t k = 0; k < outs.size(); ++k) {
    const int reg = result_register(a, p, k, outs.size());
    if (reg < 0) return bad("a result that is no step", a.string(1).substr(0, 40));
    outs[k] = {p.dtype_of(reg), shape};
  }
  return {};
}

Error compute(const Args& a, std::span<TensorView> outs) {
  Program p;
  PF_TRY(parse(a.string(1), a.tensors(0), &p));
  struct Number {
    double real;
    int64_t integer;
  };
  Number regs[kMaxInputs + kMaxSteps];
  auto real_dtype = [](DType t) { return is_floating(t); };
  for (Index at(outs[0].shape); at.valid(); at.next()) {
    for (int i = 0; i < p.inputs; ++i) {
      const TensorView& t = *a.tensors(0)[i];
      regs[i] = {load_real(t, at.offset(t)), load_int(t, at.offset(t))};
    }
    for (int k = 0; k < p.count; ++k) {
      const Step& s = p.steps[k];
      Number x[3] = {};
      for (int i = 0; i < s.arity; ++i)
        x[i] = s.operands[i].reg >= 0 ? regs[s.operands[i].reg] : Number{s.operands[i].real, s.operands[i].integer};
      Number& out = regs[p.inputs + k];
      if (!s.op) {
        const DType from = s.operands[0].reg >= 0 ? p.dtype_of(s.operands[0].reg) : DType::f64;
        const double r = real_dtype(from) ? x[0].real : static_cast<double>(x[0].integer);
        out.real = round_to(s.dtype, r);
        out.integer = s.dtype == DType::boolean ? r != 0 : wrap_to(s.dtype, real_dtype(from) ? static_cast<int64_t>(r) : x[0].integer);
        if (!real_dtype(s.dtype)) out.real = static_cast<double>(out.integer);
        continue;
      }
      // The condition of `where` counts as true where it is not zero, whatever its dtype.
      if (s.op->rule == PointwiseRule::first) {
        const bool yes = s.operands[0].reg >= 0 && !real_dtype(p.dtype_of(s.operands[0].reg)) ? x[0].integer != 0 : x[0].real != 0;
        x[0] = {yes ? 1.0 : 0.0, yes};
      }
      if (real_dtype(s.dtype)) {
        for (int i = 0; i < s.arity; ++i)
          if (s.operands[i].reg < 0) x[i].real = round_to(s.dtype, x[i].real);
        const double y = s.op->name == "nextafter" ? next_after(s.dtype, x[0].real, x[1].real) : s.op->real(x[0].real, x[1].real, x[2].real);
        out.real = round_to(s.result, y);
        out.integer = static_cast<int64_t>(out.real == out.real && out.real > -9e18 && out.real < 9e18 ? out.real : 0);
      } else {
        out.integer = wrap_to(s.result, s.op->integer(x[0].integer, x[1].integer, x[2].integer));
        out.real = static_cast<double>(out.integer);
      }
    }
    for (size_t k = 0; k < outs.size(); ++k) {
      const int reg = result_register(a, p, k, outs.size());
      if (real_dtype(p.dtype_of(reg)))
        store_real(outs[k], at.offset(outs[k]), regs[reg].real);
      else
        store_int(outs[k], at.offset(outs[k]), regs[reg].integer);
    }
  }
  return {};
}

}  // namespace

Error PointwiseProgram::infer(const Args& a, std::span<TensorSpec> outs) { return infer_results(a, outs); }
Error PointwiseProgram::reference(const Args& a, std::span<TensorView> outs) { return compute(a, outs); }
Error PointwiseProgram2::infer(const Args& a, std::span<TensorSpec> outs) { return infer_results(a, outs); }
Error PointwiseProgram2::reference(const Args& a, std::span<TensorView> outs) { return compute(a, outs); }
Error PointwiseProgram3::infer(const Args& a, std::span<TensorSpec> outs) { return infer_results(a, outs); }
Error PointwiseProgram3::reference(const Args& a, std::span<TensorView> outs) { return compute(a, outs); }

}  // namespace portfire::ops::pointwise_program
