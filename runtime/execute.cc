// Running a loaded method.
#include <algorithm>

#include "ops/element.h"
#include "ops/sym.h"
#include "runtime/instruction.h"
#include "runtime/numbers.h"

namespace portfire {
namespace {

bool same_layout(const TensorView& a, const TensorView& b) {
  if (!(a.shape == b.shape)) return false;
  for (int d = 0; d < a.rank(); ++d)
    if (a.strides[d] != b.strides[d]) return false;
  return true;
}

// The bytes that the elements of `t` lie in, relative to `t.data`; false where that overflows.
bool extent(const TensorView& t, int64_t* low, int64_t* high) {
  const auto item = static_cast<int64_t>(byte_size(t.dtype));
  *low = 0;
  *high = t.numel() > 0 ? item : 0;
  for (int d = 0; d < t.rank() && *high > 0; ++d) {
    int64_t reach;
    if (__builtin_mul_overflow(t.size(d) - 1, t.strides[d], &reach) || __builtin_mul_overflow(reach, item, &reach) ||
        __builtin_add_overflow(reach, reach < 0 ? *low : *high, reach < 0 ? low : high))
      return false;
  }
  return true;
}

// Whether a view stays inside what it is a view of. Operators see to it; files are untrusted, so it is checked.
bool inside(const TensorView& view, const TensorView& of) {
  int64_t bytes, low, high, of_low, of_high;
  if (!checked_bytes(view.dtype, view.shape, &bytes) || !extent(view, &low, &high) || !extent(of, &of_low, &of_high)) return false;
  if (bytes == 0) return true;
  const int64_t shift = view.as<std::byte>() - of.as<std::byte>();
  return shift % static_cast<int64_t>(std::min<size_t>(byte_size(view.dtype), 8)) == 0 && of_low <= low + shift && high + shift <= of_high;
}

// The integers of a list, some of which a run may have computed.
void read_items(const Value& list) {
  for (uint32_t k = 0; list.ints.items && k < list.ints.count; ++k) {
    const Value& item = *list.ints.items[k];
    list.ints.data[k] = item.kind == Value::Kind::real ? static_cast<int64_t>(item.real) : item.kind == Value::Kind::boolean ? item.boolean : item.integer;
  }
}

// The same of what is computed, but a real number stays real: ExecuTorch's programs have an int where they do not know yet.
void assign_result(Value* to, const Value& from) {
  if (from.kind == Value::Kind::real && to->kind == Value::Kind::integer)
    *to = from;
  else
    assign_number(to, from);
}

bool same_number(const Value& a, const Value& b) {
  return a.kind == b.kind && (a.kind == Value::Kind::boolean ? a.boolean == b.boolean : a.integer == b.integer);
}

}  // namespace

uint64_t Method::versions_of(const Instruction& in) const {
  uint64_t sum = 0;
  for (const Value* v : in.args) {
    sum += versions_[index_of(v)];
    if (v->kind == Value::Kind::int_list)
      for (uint32_t k = 0; k < v->ints.count; ++k) sum += versions_[index_of(v->ints.items[k])];
  }
  for (const Value* v : in.args)
    if (v->kind == Value::Kind::tensor_list) for_each_item(v, [&](size_t item) { sum += versions_[item]; });
  return sum;
}

Error Method::prepare(Instruction& in) {
  for (const Value* v : in.args)
    if (v->kind == Value::Kind::int_list) read_items(*v);
  switch (in.kind) {
    case Instruction::Kind::steps: return prepare_steps(in);
    case Instruction::Kind::view: {
      if (in.every_time && !dynamic_) {  // the shape now, the address in each run
        TensorView out;
        PF_TRY(compute_view(in, &out));
        *in.outs[0] = out;
        return {};
      }
      return run_view(in);
    }
    case Instruction::Kind::kernel:
    case Instruction::Kind::checked_kernel:
    case Instruction::Kind::reference: break;
    default: return {};
  }
  TensorSpec specs[kMaxResults];
  PF_TRY(in.op->infer(Args(in.args), {specs, in.outs.size()}));
  for (size_t k = 0; k < in.outs.size(); ++k) PF_TRY(resize(in.out_values[k], specs[k]));
  return choose_kernel(in);
}

Error Method::choose_kernel(Instruction& in) {
  size_t scratch = 0;
  in.kind = Instruction::Kind::reference;
  in.kernel = nullptr;
  for (const Kernel& kernel : all_kernels()) {
    if (kernel.op != in.op->name()) continue;
    size_t bytes = 0;
    if (!kernel.prepare(Operands{in.args, in.outs, threads()}, in.state, &bytes)) continue;
    in.kind = options_.check_reference ? Instruction::Kind::checked_kernel : Instruction::Kind::kernel;
    in.kernel = &kernel;
    scratch = bytes;
    break;
  }
  if (!in.kernel && in.op->scratch) scratch = in.op->scratch(Args(in.args));
  return reserve(scratch_, in.lent_bytes + scratch);
}

// Values that have lost their memory, or do not have it yet, as only a malformed program reads them.
Error Method::check_memory(const Instruction& in) const {
  auto lacks = [](const TensorView* t) { return t && lacks_memory(*t); };
  bool wrong = false;
  for (const Value* v : in.args) {
    if (v->kind == Value::Kind::tensor) wrong |= lacks(v->tensor);
    if (v->kind == Value::Kind::tensor_list)
      for (const TensorView* t : v->tensors) wrong |= lacks(t);
  }
  for (const TensorView* t : in.outs) wrong |= in.kind != Instruction::Kind::view && lacks(t);
  return wrong ? Error::make(Code::bad_file, "an operand has no memory when it is used") : Error();
}

// Views of memory that moves show that of the last run. A jump may leave out what would renew them.
void Method::forget_moving_views() {
  for (size_t i = 0; i < values_.size(); ++i)
    if (tensors_[i].shown && !tensors_[i].fixed) values_[i].tensor->data = nullptr;
}

Error Method::execute(const Hook& hook) {
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].value->kind == Value::Kind::tensor && lacks_memory(*inputs_[i].value->tensor))
      return Error::make(Code::bad_argument, "input %zu \"%.*s\" is not set", i, static_cast<int>(inputs_[i].name.size()), inputs_[i].name.data());
  if (jumps_ || dynamic_) forget_moving_views();
  PF_TRY(hook.call ? run_code<true>(hook) : run_code<false>(hook));
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (const Value& v = *outputs_[i]; v.kind == Value::Kind::tensor && lacks_memory(*v.tensor))
      return Error::make(Code::bad_file, "%s: output %zu is not computed", plan_->name()->c_str(), i);
  return {};
}

template <bool kHooked>
Error Method::run_code([[maybe_unused]] const Hook& hook) {
  uint64_t left = options_.max_instructions;
  for (size_t pc = 0; pc < code_.size();) {
    Instruction& in = code_[pc];
    ++pc;
    if (left-- == 0)
      return located(Error::make(Code::failed, "the run is not done after %llu instructions",
                                 static_cast<unsigned long long>(options_.max_instructions)), in);
    if constexpr (kHooked) hook.call(hook.context, in.index, false);
    if (in.kind == Instruction::Kind::jump_false) {
      const Value& condition = values_[in.a];
      bool yes = condition.kind == Value::Kind::boolean ? condition.boolean : condition.integer != 0;
      if (condition.kind == Value::Kind::tensor) {
        if (condition.tensor->numel() < 1 || !condition.tensor->data)
          return located(Error::make(Code::bad_argument, "an empty condition"), in);
        yes = ops::load_real(*condition.tensor, 0) != 0;
      }
      if (!yes) pc = in.b;
    } else if (Error e = run(in)) {
      return located(e, in);
    }
    if constexpr (kHooked) hook.call(hook.context, in.index, true);
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
  if (jumps_ || (dynamic_ && in.kind != Instruction::Kind::symbolic)) PF_TRY(check_memory(in));
  switch (in.kind) {
    case Instruction::Kind::kernel: return run_kernel(in);
    case Instruction::Kind::checked_kernel: return run_checked(in);
    case Instruction::Kind::reference: return run_reference(in);
    case Instruction::Kind::view: return in.every_time || dynamic_ ? run_view(in) : Error();
    case Instruction::Kind::symbolic: return run_symbolic(in);
    case Instruction::Kind::steps: return run_steps(in);
    case Instruction::Kind::copy_index: return run_copy_index(in);
    case Instruction::Kind::move: return move(in);
    default: return {};
  }
}

Error Method::run_kernel(Instruction& in) {
  return in.kernel->run(in.state, Operands{in.args, in.outs, threads()}, {options_.pool, scratch_of(in), random_counter_});
}

Error Method::run_reference(Instruction& in) {
  TensorView outs[kMaxResults];
  for (size_t k = 0; k < in.outs.size(); ++k) outs[k] = *in.outs[k];
  const Args args(in.args, {scratch_of(in), random_counter_});
  PF_TRY(in.op->reference(args, {outs, in.outs.size()}));
  if (in.op->data_dependent)
    for (size_t k = 0; k < in.outs.size(); ++k) {
      const TensorView* target = k < in.targets.size() ? in.targets[k] : nullptr;
      if (target) in.lent[k] = outs[k];
      PF_TRY(resize(in.out_values[k], {target ? target->dtype : outs[k].dtype, outs[k].shape}));
    }
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
  const Value before = to;
  assign_result(&to, out);
  if (!same_number(before, to)) ++versions_[in.out_values[0]];
  return {};
}

Error Method::compute_view(const Instruction& in, TensorView* out) const {
  PF_TRY(in.op->view(Args(in.args), *out));
  const TensorView &t = *in.outs[0], &source = *in.args[0]->tensor;
  const TensorInfo& info = tensors_[in.out_values[0]];
  if (out->dtype != t.dtype || out->rank() != t.rank() || (info.dynamism == 0 && !(out->shape == shape_of(*info.file))))
    return Error::make(Code::bad_file, "view is %s (expected %s)", TypeText(*out).c_str(), TypeText(t).c_str());
  if (!inside(*out, source))
    return Error::make(Code::bad_file, "view %s leaves what it is a view of, %s", TypeText(*out).c_str(), TypeText(source).c_str());
  return {};
}

Error Method::run_view(Instruction& in) {
  for (const Value* v : in.args)
    if (v->kind == Value::Kind::int_list) read_items(*v);
  TensorView out;
  PF_TRY(compute_view(in, &out));
  TensorView& t = *in.outs[0];
  if (!same_layout(out, t)) ++versions_[in.out_values[0]];
  t = out;
  return {};
}

Error Method::move(const Instruction& in) {
  const Value& from = values_[in.a];
  Value& to = values_[in.b];
  if (from.kind == Value::Kind::tensor) {
    const TensorInfo& info = tensors_[in.b];
    if (from.tensor->dtype != to.tensor->dtype || from.tensor->rank() != to.tensor->rank() ||
        (info.dynamism == 0 && !(from.tensor->shape == shape_of(*info.file))))
      return Error::make(Code::bad_file, "a move from %s to %s", TypeText(*from.tensor).c_str(), TypeText(*to.tensor).c_str());
    *to.tensor = *from.tensor;
  } else {
    assign_result(&to, from);
  }
  ++versions_[in.b];
  return {};
}

}  // namespace portfire
