// Running a loaded method.
#include <cstring>

#include "ops/element.h"
#include "ops/sym.h"
#include "runtime/instruction.h"

namespace portfire {
namespace {

bool same_layout(const TensorView& a, const TensorView& b) {
  if (!(a.shape == b.shape)) return false;
  for (int d = 0; d < a.rank(); ++d)
    if (a.strides[d] != b.strides[d]) return false;
  return true;
}

}  // namespace

Error Method::set_input(size_t i, const TensorView& t) {
  Input& in = inputs_[i];
  const size_t v = index_of(in.value);
  char where[96];
  snprintf(where, sizeof where, "input %zu%s%.*s%s", i, in.name.empty() ? "" : " \"", static_cast<int>(in.name.size()),
           in.name.data(), in.name.empty() ? "" : "\"");
  if (in.value->kind != Value::Kind::tensor) {
    if (t.numel() != 1) return Error::make(Code::bad_argument, "%s: expected one number, got %s", where, TypeText(t).c_str());
    return set_input(i, in.value->kind == Value::Kind::real ? Value::of(ops::load_real(t, 0)) : Value::of(ops::load_int(t, 0)));
  }
  const pte::Tensor& file = *tensors_[v].file;
  TensorView& to = *in.value->tensor;
  const Shape declared = shape_of(file);
  bool fits = t.dtype == to.dtype && t.rank() == declared.rank;
  for (int d = 0; fits && d < declared.rank; ++d)
    fits = in.dynamism == 0 ? t.size(d) == declared.sizes[d] : in.dynamism == 2 || t.size(d) <= declared.sizes[d];
  if (!fits)
    return Error::make(Code::bad_argument, "%s: wrong type (expected %s%s, got %s)", where,
                       in.dynamism ? "at most " : "", TypeText(to.dtype, declared).c_str(), TypeText(t).c_str());
  if (!t.is_contiguous()) return Error::make(Code::bad_argument, "%s: strides are not row-major (expected contiguous)", where);
  if (!(to.shape == t.shape)) ++versions_[v];
  to.shape = t.shape;
  if (in.planned) {
    set_strides(file, &to);
    for (int d = 0; d < to.rank(); ++d)
      if (to.size(d) > 1 && to.strides[d] != t.strides[d])
        return Error::make(Code::unsupported, "%s: the program wants another dimension order", where);
    std::memcpy(to.data, t.data, t.bytes());
    return {};
  }
  to.set_contiguous();
  to.data = t.data;
  return {};
}

Error Method::set_input(size_t i, const Value& number) {
  Value& to = *inputs_[i].value;
  if (to.kind == Value::Kind::tensor || number.kind == Value::Kind::tensor)
    return Error::make(Code::bad_argument, "input %zu: expected %s, got %s", i, name_of(to.kind), name_of(number.kind));
  to = number;
  ++versions_[index_of(&to)];
  return {};
}

uint64_t Method::versions_of(const Instruction& in) const {
  uint64_t sum = 0;
  for (const Value* v : in.args) {
    sum += versions_[index_of(v)];
    if (v->kind == Value::Kind::int_list)
      for (uint32_t k = 0; k < v->ints.count; ++k) sum += versions_[index_of(v->ints.items[k])];
  }
  if (in.args.empty()) return 0;
  // Tensor lists hold views, not values: their shapes enter as they are.
  for (const Value* v : in.args)
    if (v->kind == Value::Kind::tensor_list)
      for (const TensorView* t : v->tensors)
        if (t)
          for (int d = 0; d < t->rank(); ++d)
            sum = sum * 1000003 + static_cast<uint64_t>(t->size(d)) * 31 + static_cast<uint64_t>(t->strides[d]);
  return sum;
}

Error Method::grow(uint32_t buffer, size_t bytes) {
  // Tensors that share a growing buffer never live at the same time, so content need not be kept.
  PF_TRY(buffers_[buffer].reserve(bytes + bytes / 4));
  for (size_t i = 0; i < values_.size(); ++i) {
    if (tensors_[i].buffer != buffer) continue;
    const uint64_t offset = memory_offset(*tensors_[i].file->allocation_info());
    values_[i].tensor->data = buffers_[buffer].data() + offset;
    if (tensors_[i].dynamism == 2) tensors_[i].capacity = buffers_[buffer].bytes() - offset;
  }
  return {};
}

Error Method::resize(size_t v, const TensorSpec& spec) {
  TensorView& t = *values_[v].tensor;
  TensorInfo& info = tensors_[v];
  if (spec.dtype != t.dtype)
    return Error::make(Code::bad_file, "result is %s (expected %s)", name_of(t.dtype), name_of(spec.dtype));
  if (spec.shape == t.shape) return {};
  if (info.dynamism == 0)
    return Error::make(Code::bad_file, "result is %s (expected %s)", TypeText(t).c_str(), TypeText(spec.dtype, spec.shape).c_str());
  int64_t bytes = static_cast<int64_t>(byte_size(spec.dtype));
  for (int64_t s : spec.shape.dims())
    if (s < 0 || !checked_multiply(bytes, s, &bytes)) return Error::make(Code::bad_argument, "impossible size");
  if (static_cast<size_t>(bytes) > info.capacity) {
    if (info.dynamism != 2)
      return Error::make(Code::bad_argument, "result %s exceeds the planned %zu bytes", TypeText(spec.dtype, spec.shape).c_str(), info.capacity);
    PF_TRY(grow(info.buffer, static_cast<size_t>(bytes) + memory_offset(*info.file->allocation_info())));
  }
  t.shape = spec.shape;
  if (info.file->dim_order() && static_cast<int>(info.file->dim_order()->size()) == t.rank())
    set_strides(*info.file, &t);
  else
    t.set_contiguous();
  ++versions_[v];
  return {};
}

Error Method::prepare(Instruction& in) {
  for (const Value* v : in.args)
    if (v->kind == Value::Kind::int_list)
      for (uint32_t k = 0; k < v->ints.count; ++k) v->ints.data[k] = v->ints.items[k]->integer;
  switch (in.kind) {
    case Instruction::Kind::view: {
      if (in.every_time && !dynamic_) {  // the shape now, the address in each run
        TensorView out;
        PF_TRY(in.op->view(Args(in.args), out));
        TensorView& t = *in.outs[0];
        if (!(t.shape == out.shape) || t.dtype != out.dtype)
          return Error::make(Code::bad_file, "view is %s (expected %s)", TypeText(t).c_str(), TypeText(out).c_str());
        t = out;
        return {};
      }
      return run_view(in);
    }
    case Instruction::Kind::kernel:
    case Instruction::Kind::checked_kernel:
    case Instruction::Kind::reference: break;
    default: return {};
  }
  TensorSpec specs[8];
  if (in.outs.size() > 8) return Error::make(Code::unsupported, "more than 8 results");
  PF_TRY(in.op->infer(Args(in.args), {specs, in.outs.size()}));
  for (size_t k = 0; k < in.outs.size(); ++k) PF_TRY(resize(in.out_values[k], specs[k]));
  size_t scratch = 0;
  in.kind = Instruction::Kind::reference;
  in.kernel = nullptr;
  for (const Kernel& kernel : all_kernels()) {
    if (kernel.op != in.op->name()) continue;
    if (kernel.state_bytes > in.state_capacity) {
      in.state = memory_.allocate(kernel.state_bytes, 64);
      if (!in.state) return Error::make(Code::out_of_memory, "no memory to bind the call");
      in.state_capacity = kernel.state_bytes;
    }
    size_t bytes = 0;
    if (!kernel.prepare(Operands{in.args, in.outs, threads()}, in.state, &bytes)) continue;
    in.kind = options_.check_reference ? Instruction::Kind::checked_kernel : Instruction::Kind::kernel;
    in.kernel = &kernel;
    scratch = bytes;
    break;
  }
  if (!in.kernel && in.op->scratch) scratch = in.op->scratch(Args(in.args));
  return scratch_.reserve(scratch);
}

Error Method::execute() {
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].value->kind == Value::Kind::tensor && !inputs_[i].value->tensor->data && inputs_[i].value->tensor->numel() > 0)
      return Error::make(Code::bad_argument, "input %zu \"%.*s\" is not set", i, static_cast<int>(inputs_[i].name.size()), inputs_[i].name.data());
  for (size_t pc = 0; pc < code_.size();) {
    Instruction& in = code_[pc];
    ++pc;
    if (in.kind == Instruction::Kind::jump_false) {
      const Value& condition = values_[in.a];
      bool yes = condition.kind == Value::Kind::boolean ? condition.boolean : condition.integer != 0;
      if (condition.kind == Value::Kind::tensor) {
        if (condition.tensor->numel() < 1 || !condition.tensor->data)
          return located(Error::make(Code::bad_argument, "an empty condition"), in);
        yes = ops::load_real(*condition.tensor, 0) != 0;
      }
      if (!yes) pc = in.b;
      continue;
    }
    if (Error e = run(in)) return located(e, in);
  }
  return {};
}

Error Method::run(Instruction& in) {
  if (dynamic_ && in.kind != Instruction::Kind::symbolic && in.kind != Instruction::Kind::view) {
    const uint64_t now = versions_of(in);
    if (now != in.prepared_at) {
      PF_TRY(prepare(in));
      in.prepared_at = now;
    }
  }
  switch (in.kind) {
    case Instruction::Kind::kernel: return run_kernel(in);
    case Instruction::Kind::checked_kernel: return run_checked(in);
    case Instruction::Kind::reference: return run_reference(in);
    case Instruction::Kind::view: return in.every_time || dynamic_ ? run_view(in) : Error();
    case Instruction::Kind::symbolic: return run_symbolic(in);
    case Instruction::Kind::move: return move(in);
    default: return {};
  }
}

Error Method::run_kernel(Instruction& in) {
  return in.kernel->run(in.state, Operands{in.args, in.outs, threads()}, {options_.pool, {scratch_.data(), scratch_.bytes()}, &random_counter_});
}

Error Method::run_reference(Instruction& in) {
  TensorView outs[8];
  for (size_t k = 0; k < in.outs.size(); ++k) outs[k] = *in.outs[k];
  const Args args(in.args, {{scratch_.data(), scratch_.bytes()}, &random_counter_});
  PF_TRY(in.op->reference(args, {outs, in.outs.size()}));
  if (in.op->data_dependent)
    for (size_t k = 0; k < in.outs.size(); ++k) PF_TRY(resize(in.out_values[k], {outs[k].dtype, outs[k].shape}));
  return {};
}

Error Method::run_symbolic(Instruction& in) {
  for (const Value* v : in.args)
    if (v->kind == Value::Kind::tensor && !v->tensor->data && v->tensor->numel() > 0 && in.op->name() == "aten::_local_scalar_dense")
      return Error::make(Code::bad_argument, "a tensor without data");
  Value out;
  PF_TRY(ops::sym::evaluate(in.op->name(), Args(in.args), &out));
  if (in.out_values.empty()) return {};
  Value& to = values_[in.out_values[0]];
  if (out.kind == to.kind && (out.kind == Value::Kind::boolean ? out.boolean == to.boolean : out.integer == to.integer)) return {};
  to = out;
  ++versions_[in.out_values[0]];
  return {};
}

Error Method::run_view(Instruction& in) {
  for (const Value* v : in.args)
    if (v->kind == Value::Kind::int_list)
      for (uint32_t k = 0; k < v->ints.count; ++k) v->ints.data[k] = v->ints.items[k]->integer;
  TensorView out;
  PF_TRY(in.op->view(Args(in.args), out));
  TensorView& t = *in.outs[0];
  const TensorInfo& info = tensors_[in.out_values[0]];
  if (out.dtype != t.dtype || (info.dynamism == 0 && !(out.shape == shape_of(*info.file))))
    return Error::make(Code::bad_file, "view is %s (expected %s)", TypeText(t).c_str(), TypeText(out).c_str());
  if (!same_layout(out, t)) ++versions_[in.out_values[0]];
  t = out;
  return {};
}

Error Method::move(const Instruction& in) {
  const Value& from = values_[in.a];
  Value& to = values_[in.b];
  if (from.kind == Value::Kind::tensor && to.kind == Value::Kind::tensor) {
    if (from.tensor->dtype != to.tensor->dtype || from.tensor->rank() != to.tensor->rank())
      return Error::make(Code::bad_file, "a move between different types");
    *to.tensor = *from.tensor;
    ++versions_[in.b];
    return {};
  }
  if (from.kind == Value::Kind::tensor || to.kind == Value::Kind::tensor || from.kind > Value::Kind::real || to.kind > Value::Kind::real)
    return Error::make(Code::bad_file, "a move between different kinds");
  to = from;
  ++versions_[in.b];
  return {};
}

// "forward, instruction 12: aten::_softmax (model.py:41): ..."
Error Method::located(const Error& e, const Instruction& in) const {
  const pte::FrameList* frames = nullptr;
  const auto* traces = plan_->chains()->Get(0)->stacktrace();
  if (traces && in.index < traces->size()) frames = traces->Get(in.index);
  const pte::Frame* frame = frames && frames->items() && frames->items()->size() ? frames->items()->Get(frames->items()->size() - 1) : nullptr;
  char where[200];
  const std::string_view name = in.op ? in.op->name() : std::string_view("control flow");
  if (frame && frame->filename() && frame->filename()->size() > 0)
    snprintf(where, sizeof where, "%s: %.*s (%s:%d)", plan_->name()->c_str(), static_cast<int>(name.size()), name.data(),
             frame->filename()->c_str(), frame->lineno());
  else
    snprintf(where, sizeof where, "%s: instruction %u: %.*s", plan_->name()->c_str(), in.index, static_cast<int>(name.size()), name.data());
  return e.at(where);
}

}  // namespace portfire
