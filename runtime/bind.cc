// Loading a method: its instructions, with the operators and values that they name.
#include <algorithm>
#include <cstring>

#include "format/reading.h"
#include "ops/schema_kinds.h"
#include "ops/sym.h"
#include "runtime/instruction.h"
#include "runtime/numbers.h"

namespace portfire {
namespace {

const Error kOutOfMemory = Error::make(Code::out_of_memory, "%s", kNoMemoryToLoad);

// A program that holds delegates' has to be compiled first.
Error refuse_delegate(const pte::BackendDelegate& d) {
  const std::string_view id = d.id() ? d.id()->string_view() : "?";
  if (id != kXnnpackBackend)
    return Error::make(Code::unsupported, "delegate \"%.*s\" is a program for another backend (expected %s or none: export without its partitioner)",
                       PF_NAME(id), kXnnpackBackend);
  return Error::make(Code::unsupported, "delegate \"%s\" has to be compiled: by portfire compile IN.pte -o OUT.pte, or here, by an app that links portfire::compiler",
                     kXnnpackBackend);
}

}  // namespace

// Numbers that a run changes, before the first call that depends on them is bound: a loop may change them later.
void Method::note_computed(const pte::ExecutionPlan& plan) {
  for (const pte::Instruction* in : *plan.chains()->Get(0)->instructions()) {
    const pte::MoveCall* move = in->instr_args_as_MoveCall();
    const pte::KernelCall* call = in->instr_args_as_KernelCall();
    int32_t v = move ? move->move_to() : -1;
    if (call && count(call->args()) > 0) v = call->args()->Get(call->args()->size() - 1);  // results come last
    if (v >= 0 && is_number(values_[static_cast<size_t>(v)].kind)) tensors_[static_cast<size_t>(v)].result = true;
  }
}

Error Method::load_instructions(const pte::ExecutionPlan& plan) {
  const auto* instructions = plan.chains()->Get(0)->instructions();
  code_ = memory_.make<Instruction>(count(instructions));
  if (count(instructions) == 0) return {};
  if (!code_.data()) return kOutOfMemory;
  note_computed(plan);
  for (uint32_t i = 0; i < code_.size(); ++i) {
    const pte::Instruction* from = instructions->Get(i);
    Instruction& in = code_[i];
    in.index = i;
    Error e;
    switch (from->instr_args_type()) {
      case pte::InstructionArguments_KernelCall: e = bind(plan, *from->instr_args_as_KernelCall(), &in); break;
      case pte::InstructionArguments_MoveCall:
        in.kind = Instruction::Kind::move;
        in.a = static_cast<uint32_t>(from->instr_args_as_MoveCall()->move_from());
        in.b = static_cast<uint32_t>(from->instr_args_as_MoveCall()->move_to());
        e = bind_move(&in);
        break;
      case pte::InstructionArguments_JumpFalseCall:
        in.kind = Instruction::Kind::jump_false;
        in.a = static_cast<uint32_t>(from->instr_args_as_JumpFalseCall()->cond_value_index());
        in.b = static_cast<uint32_t>(from->instr_args_as_JumpFalseCall()->destination_instruction());
        e = bind_condition(in);
        break;
      case pte::InstructionArguments_DelegateCall:
        return refuse_delegate(*plan.delegates()->Get(static_cast<uint32_t>(from->instr_args_as_DelegateCall()->delegate_index())));
      default: break;  // FreeCall: memory is planned, there is nothing to free
    }
    if (e) return located(e, in);
  }
  if (dynamic_) return {};
  for (Instruction& in : code_)
    if (Error e = prepare(in)) return located(e, in);
  return {};
}

Error Method::bind_condition(const Instruction& in) {
  jumps_ = true;
  const Value::Kind kind = values_[in.a].kind;
  if (kind == Value::Kind::boolean || kind == Value::Kind::integer) return {};
  if (kind == Value::Kind::tensor && tensors_[in.a].backed) return {};
  return Error::make(Code::bad_file, "a condition that is no bool");
}

// A tensor that is moved shows the source's memory from then on, as a view does. So nothing else may write to the
// target, or believe that it knows where it lies.
Error Method::bind_move(Instruction* in) {
  const Value::Kind from = values_[in->a].kind, to = values_[in->b].kind;
  dynamic_ = true;
  if (is_number(from) && is_number(to)) return {};
  TensorInfo &source = tensors_[in->a], &target = tensors_[in->b];
  if (from != Value::Kind::tensor || to != Value::Kind::tensor)
    return Error::make(Code::bad_file, "a move from %s to %s", name_of(from), name_of(to));
  if (!source.backed) return Error::make(Code::bad_file, "a move of what is not computed yet");
  if (target.result || target.input || target.file->data_buffer_idx() > 0 || is_external(*target.file))
    return Error::make(Code::bad_file, "a move to an input, a weight or a result");
  target.shown = target.backed = true;
  target.fixed = false;
  target.constant |= source.constant;
  return {};
}

Error Method::bind(const pte::ExecutionPlan& plan, const pte::KernelCall& call, Instruction* in) {
  const pte::Operator* file_op = plan.operators()->Get(static_cast<uint32_t>(call.op_index()));
  char name[128];
  const bool overload = file_op->overload() && file_op->overload()->size() > 0;
  snprintf(name, sizeof name, "%s%s%s", file_op->name()->c_str(), overload ? "." : "", overload ? file_op->overload()->c_str() : "");
  ops::OutVariant form;
  if (ops::find_out_variant(name, &form)) {
    PF_TRY(keep_name(name, &in->name));
    char functional[128];
    return bind_variant(form, form.functional(functional, sizeof functional), call, in);
  }
  if (std::strcmp(name, "executorch_prim::et_copy_index.tensor") == 0) {
    PF_TRY(keep_name(name, &in->name));
    return bind_copy_index(call, in);
  }
  ops::sym::usual_name(name);
  const bool et_view = std::strcmp(name, "executorch_prim::et_view.default") == 0;
  in->op = find_op(et_view ? "aten::view" : name);
  if (et_view) PF_TRY(keep_name(name, &in->name));
  if (!in->op) return Error::make(Code::unsupported, "operator %s is not in this build", name);
  const bool symbolic = ops::sym::is_sym_op(in->op->name());
  const uint32_t total = count(call.args()), args = in->op->args, outs = in->op->outs;
  if (total != args + outs)
    return Error::make(Code::bad_file, "%u arguments for %s (expected %u and %u results)", total, name, args, outs);
  if (outs > kMaxResults) return Error::make(Code::unsupported, "more than %zu results", kMaxResults);
  in->args = memory_.make<const Value*>(args);
  in->outs = memory_.make<TensorView*>(outs);
  in->out_values = memory_.make<uint32_t>(outs);
  if ((args && !in->args.data()) || (outs && (!in->outs.data() || !in->out_values.data()))) return kOutOfMemory;
  PF_TRY(bind_arguments(call, in));
  PF_TRY(bind_results(call, symbolic, in));
  if (symbolic) {
    in->kind = Instruction::Kind::symbolic;
    dynamic_ = true;
    return {};
  }
  if (in->op->view) return bind_view(in);
  in->kind = Instruction::Kind::reference;
  for (const Kernel& kernel : all_kernels())
    if (kernel.op == in->op->name()) in->state_capacity = std::max(in->state_capacity, kernel.state_bytes);
  if (in->state_capacity && !(in->state = memory_.allocate(in->state_capacity, Arena::kAlignment))) return kOutOfMemory;
  return {};
}

Error Method::keep_name(std::string_view name, std::string_view* kept) {
  auto* copy = static_cast<char*>(memory_.allocate(name.size(), 1));
  if (!copy) return kOutOfMemory;
  std::memcpy(copy, name.data(), name.size());
  *kept = {copy, name.size()};
  return {};
}

Error Method::bind_arguments(const pte::KernelCall& call, Instruction* in) {
  for (uint32_t k = 0; k < in->args.size(); ++k) in->args[k] = &values_[static_cast<size_t>(call.args()->Get(k))];
  PF_TRY(check_kinds(in->op->schema, in->args));
  const char* wrong = nullptr;
  size_t where = 0;
  auto check = [&](size_t v, size_t k, bool written) {
    const char* what = !tensors_[v].backed               ? "is read before it is computed"
                       : written && tensors_[v].constant ? "is written, but a constant"
                                                         : nullptr;
    if (!what) return;
    wrong = what;
    where = k;
  };
  for_each_argument(in->op->schema, [&](size_t k, std::string_view type) {
    const size_t v = index_of(in->args[k]);
    if (in->args[k]->kind == Value::Kind::tensor) check(v, k, is_written(type));
    if (in->args[k]->kind == Value::Kind::tensor_list) for_each_item(in->args[k], [&](size_t item) { check(item, k, is_written(type)); });
    if (is_enumeration(type) && (tensors_[v].result || tensors_[v].input)) {
      wrong = "is computed (expected a fixed dtype, layout or memory format)";
      where = k;
    }
  });
  return wrong ? Error::make(Code::bad_file, "argument %zu %s", where, wrong) : Error();
}

Error Method::bind_results(const pte::KernelCall& call, bool symbolic, Instruction* in) {
  const auto args = static_cast<uint32_t>(in->args.size());
  for (uint32_t k = 0; k < in->outs.size(); ++k) {
    const auto v = static_cast<uint32_t>(call.args()->Get(args + k));
    TensorInfo& info = tensors_[v];
    in->out_values[k] = v;
    info.result = true;
    if (symbolic) {
      if (!is_number(values_[v].kind)) return Error::make(Code::bad_file, "result %u is no number", k);
      continue;
    }
    if (values_[v].kind != Value::Kind::tensor) return Error::make(Code::bad_file, "result %u is no tensor", k);
    in->outs[k] = values_[v].tensor;
    if (info.constant) return Error::make(Code::bad_file, "result %u is a constant", k);
    if (in->op->view) continue;
    if (info.buffer == 0) return Error::make(Code::bad_file, "result %u has no memory", k);
    if (info.shown) return Error::make(Code::bad_file, "result %u is a view of something else", k);
  }
  return {};
}

Error Method::bind_view(Instruction* in) {
  in->kind = Instruction::Kind::view;
  const TensorInfo& source = tensors_[index_of(in->args[0])];
  TensorInfo& out = tensors_[in->out_values[0]];
  // The memory that a view by et_view has is that of its source.
  if (out.buffer != 0 && in->name.empty()) return Error::make(Code::bad_file, "a view with memory of its own");
  if (out.input || out.shown) return Error::make(Code::bad_file, "a view that is an input, or defined twice");
  out.backed = out.shown = true;
  out.fixed = source.fixed;
  out.constant = source.constant;
  in->every_time = !source.fixed;
  return {};
}

}  // namespace portfire
