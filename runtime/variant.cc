// Calls of operators that write to tensors they are given: bound as calls of operators of ours (run_variant.cc runs them).
#include <algorithm>

#include "format/reading.h"
#include "ops/schema_kinds.h"
#include "runtime/instruction.h"

namespace portfire {
namespace {

const Error kOutOfMemory = Error::make(Code::out_of_memory, "%s", kNoMemoryToLoad);

}  // namespace

// ExecuTorch's calls: arguments, outs, and once more what is returned, several in a list.
Error Method::bind_variant(const ops::OutVariant& form, std::string_view functional, const pte::KernelCall& call, Instruction* in) {
  auto variant = memory_.make<Variant>(1);
  if (variant.empty()) return kOutOfMemory;
  Variant& v = variant[0];
  in->kind = Instruction::Kind::steps;
  in->variant = &v;
  v.form = form;
  v.expansion = find_expansion(functional);
  if (!v.expansion) v.op = find_op(functional);
  if (!v.expansion && !v.op)
    return Error::make(Code::unsupported, "operator %.*s is not in this build", static_cast<int>(functional.size()), functional.data());
  const std::string_view schema = v.expansion ? v.expansion->schema : v.op->schema;
  const bool list = schema.substr(schema.rfind("->")).find("[]") != schema.npos;
  const size_t args = form.pattern.empty() ? count_args(schema) : form.args, outs = form.in_place ? 0 : count_returns(schema);
  if (count(call.args()) != args + outs + 1)
    return Error::make(Code::bad_file, "%u arguments (expected %zu, %zu results and what is returned)", count(call.args()), args, outs);
  in->args = memory_.make<const Value*>(args);
  if (args && !in->args.data()) return kOutOfMemory;
  PF_TRY(bind_operands(call, list, in));
  PF_TRY(bind_returned(call, list, in));
  return bind_steps(in);
}

Error Method::bind_operands(const pte::KernelCall& call, bool list, Instruction* in) {
  const auto args = static_cast<uint32_t>(in->args.size());
  Error wrong;
  const auto check = [&](size_t v, uint32_t k) {
    if (!tensors_[v].backed) wrong = Error::make(Code::bad_file, "argument %u is read before it is computed", k);
  };
  for (uint32_t k = 0; k < args; ++k) {
    const auto at = static_cast<size_t>(call.args()->Get(k));
    in->args[k] = &values_[at];
    if (in->args[k]->kind == Value::Kind::tensor && !(in->variant->form.in_place && k == 0 && tensors_[at].buffer)) check(at, k);
    if (in->args[k]->kind == Value::Kind::tensor_list) for_each_item(in->args[k], [&](size_t item) { check(item, k); });
  }
  if (wrong) return wrong;
  // The outs: tensors, the items of a list, or argument 0.
  const uint32_t first = in->variant->form.in_place ? 0 : args, end = in->variant->form.in_place ? 1 : count(call.args()) - 1;
  size_t outs = end - first;
  const Value* whole = list ? &values_[static_cast<size_t>(call.args()->Get(first))] : nullptr;
  if (whole && whole->kind != Value::Kind::tensor_list)
    return Error::make(Code::bad_file, "result is %s (expected Tensor[])", name_of(whole->kind));
  if (whole) outs = whole->tensors.size();
  in->outs = memory_.make<TensorView*>(outs);
  in->out_values = memory_.make<uint32_t>(outs);
  if (outs && (!in->outs.data() || !in->out_values.data())) return kOutOfMemory;
  size_t k = 0;
  const auto add = [&](size_t at) {
    in->out_values[k] = static_cast<uint32_t>(at);
    in->outs[k++] = values_[at].tensor;
  };
  if (whole) {
    for_each_item(whole, add);
    if (k != outs) return Error::make(Code::bad_file, "a result that is None");
  } else {
    for (uint32_t i = first; i < end; ++i) {
      const auto at = static_cast<size_t>(call.args()->Get(i));
      if (values_[at].kind != Value::Kind::tensor)
        return Error::make(Code::bad_file, "result %u is %s (expected Tensor)", i - first, name_of(values_[at].kind));
      add(at);
    }
  }
  for (size_t i = 0; i < outs; ++i) {
    TensorInfo& info = tensors_[in->out_values[i]];
    if (info.constant) return Error::make(Code::bad_file, "result %zu is a constant", i);
    if (info.shown) return Error::make(Code::bad_file, "result %zu is a view of something else", i);
    if (info.buffer == 0 && info.input) return Error::make(Code::bad_file, "result %zu has no memory", i);
    if (info.buffer == 0) PF_TRY(give_memory(in->out_values[i]));
    info.result = true;
    for (size_t other = 0; other < i; ++other)
      if (in->outs[other] == in->outs[i]) return Error::make(Code::bad_file, "results %zu and %zu are one", other, i);
  }
  in->variant->most = outs ? in->outs[0]->numel() : 0;
  const auto is_out = [&](const TensorView* t) { return std::find(in->outs.begin(), in->outs.end(), t) != in->outs.end(); };
  for (const Value* v : in->args) {
    if (in->variant->form.in_place && v == in->args[0]) continue;
    if (v->kind == Value::Kind::tensor) in->variant->overlaps |= is_out(v->tensor);
    if (v->kind == Value::Kind::tensor_list)
      for (const TensorView* t : v->tensors) in->variant->overlaps |= is_out(t);
  }
  return {};
}

// What is returned is the outs again. An operator in place may return another value, which shows the same memory.
Error Method::bind_returned(const pte::KernelCall& call, bool list, Instruction* in) {
  const auto at = static_cast<size_t>(call.args()->Get(call.args()->size() - 1));
  const Value& returned = values_[at];
  bool same = true;
  if (list || in->outs.size() > 1) {
    size_t k = 0;
    if (returned.kind == Value::Kind::tensor_list) for_each_item(&returned, [&](size_t item) {
      same &= k < in->outs.size() && item == in->out_values[k];
      ++k;
    });
    same &= returned.kind == Value::Kind::tensor_list && k == in->outs.size();
  } else if (in->variant->form.in_place && at != in->out_values[0] && returned.kind == Value::Kind::tensor) {
    TensorInfo& info = tensors_[at];
    if (info.input || info.result || info.constant || info.shown) return Error::make(Code::bad_file, "what is returned is something else");
    if (returned.tensor->dtype != in->outs[0]->dtype || returned.tensor->rank() != in->outs[0]->rank())
      return Error::make(Code::bad_file, "what is returned is %s (expected %s)", TypeText(*returned.tensor).c_str(),
                         TypeText(*in->outs[0]).c_str());
    info.shown = info.backed = true;
    info.fixed = false;
    in->a = static_cast<uint32_t>(at);
    in->every_time = true;
    dynamic_ = true;
  } else {
    same = at == in->out_values[0];
  }
  return same ? Error() : Error::make(Code::bad_file, "what is returned is not the result");
}

// Of the method's own, for a result that the caller of ExecuTorch's runtime would give it.
Error Method::give_memory(size_t value) {
  TensorInfo& info = tensors_[value];
  TensorView& t = *values_[value].tensor;
  if (next_buffer_ >= buffers_.size()) return kOutOfMemory;
  info.buffer = next_buffer_++;
  PF_TRY(reserve(buffers_[info.buffer], t.bytes()));
  t.data = buffers_[info.buffer].data();
  info.capacity = t.bytes();
  info.backed = true;
  info.fixed = info.dynamism != 2;
  return {};
}

Error Method::make_calls(const Instruction& in, std::span<std::byte> memory, std::span<const Call>* calls,
                         std::span<const Derived>* derived, size_t* used, bool sampled) const {
  const Variant& v = *in.variant;
  Arena arena(memory.data(), memory.size());
  std::span<const Value*> args;
  PF_TRY(map_arguments(v.form, in.args, in.outs, arena, &args));
  Calls c(arena, args, in.outs, v.most, sampled);
  if (v.expansion) {
    PF_TRY(check_kinds(v.expansion->schema, args));
    PF_TRY(v.expansion->expand(c));
  } else if (in.outs.size() == 1) {
    PF_TRY(add_pointwise(c, *v.op, args, *in.outs[0]));
  } else {
    PF_TRY(c.add(*v.op, args, in.outs));
  }
  if (c.failed()) return kOutOfMemory;
  *calls = c.calls();
  *derived = c.derived();
  *used = arena.used();
  return {};
}

Error Method::bind_steps(Instruction* in) {
  Variant& v = *in->variant;
  // Made once to see how much memory it takes. Sizes that a run computes are not known yet: some room for what they change.
  constexpr size_t kChanges = 512;
  Buffer trial;
  PF_TRY(trial.reserve((size_t{16} << 10) + in->outs.size() * 2048 + in->args.size() * 256));
  std::span<const Call> calls;
  size_t used = 0;
  PF_TRY(make_calls(*in, {trial.data(), trial.bytes()}, &calls, &v.derived, &used, true));
  v.memory = {static_cast<std::byte*>(memory_.allocate(used + kChanges, Arena::kAlignment)), used + kChanges};
  if (!v.memory.data()) return kOutOfMemory;
  PF_TRY(make_calls(*in, v.memory, &calls, &v.derived, &used, true));
  v.steps = memory_.make<Instruction>(calls.size());
  if (v.steps.size() != calls.size()) return kOutOfMemory;
  for (size_t i = 0; i < calls.size(); ++i) {
    Instruction& step = v.steps[i];
    const Call& call = calls[i];
    step.op = call.op;
    step.index = in->index;
    step.kind = Instruction::Kind::reference;
    if (call.op->view || call.outs.size() > kMaxResults) return Error::make(Code::unsupported, "a step with that many results");
    step.outs = memory_.make<TensorView*>(call.outs.size());
    step.targets = memory_.make<TensorView*>(call.outs.size());
    step.lent = memory_.make<TensorView>(call.outs.size());
    step.out_values = memory_.make<uint32_t>(call.outs.size());
    for (const Kernel& kernel : all_kernels())
      if (kernel.op == step.op->name()) step.state_capacity = std::max(step.state_capacity, kernel.state_bytes);
    if (!step.out_values.data() || (step.state_capacity && !(step.state = memory_.allocate(step.state_capacity, Arena::kAlignment))))
      return kOutOfMemory;
    // What the file decides when it is bound, and what it must not have written.
    Error wrong;
    for_each_argument(call.op->schema, [&](size_t k, std::string_view type) {
      if (!is_of_file(call.args[k])) return;
      const TensorInfo& info = tensors_[index_of(call.args[k])];
      if (is_written(type) && info.constant) wrong = Error::make(Code::bad_file, "argument %zu is written, but a constant", k);
      if (is_enumeration(type) && (info.result || info.input))
        wrong = Error::make(Code::bad_file, "argument %zu is computed (expected a fixed dtype, layout or memory format)", k);
    });
    if (wrong) return wrong;
    for (size_t k = 0; k < call.outs.size(); ++k) {
      const auto is = [&](const TensorView* t) { return t == call.outs[k]; };
      step.out_values[k] = kNoValue;
      for (size_t o = 0; o < in->outs.size(); ++o)
        if (is(in->outs[o])) step.out_values[k] = in->out_values[o];
      // Arguments that are written, as running statistics are.
      for (const Value* a : in->args)
        if (step.out_values[k] == kNoValue && a->kind == Value::Kind::tensor && is(a->tensor))
          step.out_values[k] = static_cast<uint32_t>(index_of(a));
      if (step.out_values[k] == kNoValue) continue;
      TensorInfo& info = tensors_[step.out_values[k]];
      if (info.constant || info.shown || info.buffer == 0)
        return Error::make(Code::bad_file, "an argument that is written has no memory of its own");
      info.result = true;
    }
  }
  return {};
}

}  // namespace portfire
