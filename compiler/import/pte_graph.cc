#include "compiler/import/pte_graph.h"

#include <algorithm>

#include "compiler/import/data_slices.h"
#include "compiler/import/functional_twin.h"
#include "format/reading.h"
#include "ops/sym.h"

namespace portfire::import {

using ir::Arg;
using ir::OpInfo;
using ir::Ref;
using ir::Refusal;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

PlanImporter::PlanImporter(std::shared_ptr<const PteFile> file, const pte::ExecutionPlan& plan, std::vector<std::vector<ir::Dim>> sizes)
    : file_(std::move(file)), plan_(plan), sizes_(std::move(sizes)) {
  root_.graph.name = plan.name()->str();
}

void PlanImporter::begin() {
  ir::Graph& graph = root_.graph;
  const std::vector<bool> used = used_from(0);
  size_t tensors = 0;
  for (uint32_t i = 0; i < count(plan_.inputs()); ++i) {
    const auto v = static_cast<uint32_t>(plan_.inputs()->Get(i));
    Type type = Type::integer(ir::Dim());
    if (const pte::Tensor* t = tensor(v)) {
      if (t->data_buffer_idx() > 0 || is_external(*t)) throw Refusal{Code::bad_file, "input " + std::to_string(i) + " is a weight"};
      type = Type::tensor(static_cast<DType>(t->scalar_type()), sizes_.at(tensors++));
      type.unbounded = t->shape_dynamism() == 2;
    } else {
      switch (value(v).val_type()) {
        case pte::KernelTypes_Int: type = Type::integer(ir::Dim(value(v).val_as_Int()->value())); break;
        case pte::KernelTypes_Bool: type = Type::scalar(Type::Kind::boolean); break;
        case pte::KernelTypes_Double: type = Type::scalar(Type::Kind::real); break;
        case pte::KernelTypes_String:
        case pte::KernelTypes_Null:  // None, or a number that the program computes with
          if (!used[v] || value(v).val_type() == pte::KernelTypes_String) continue;
          for (int k = 0; k < ir::kAssignments; ++k) type.number.at[k] = 64 - 13 * k;
          break;
        default: throw Refusal{Code::unsupported, "input " + std::to_string(i) + " is a list"};
      }
    }
    const std::string name = "input" + std::to_string(i);
    const ValueId id = graph.add_value(std::move(type), name);
    graph.inputs.push_back({id, name});
    hold(root_, v, Ref{id});
    if (tensor(v) && !place_of(*tensor(v))) inputs_.emplace_back(v, Known{Ref{id}, &root_});
  }
  for (uint32_t v = 0; v < count(plan_.values()); ++v) {
    const pte::Tensor* t = tensor(v);
    if (t && is_unplanned_state(*t) && used[v] && !root_.values.count(v)) {
      const ValueId id = graph.add_value(type_of(*t), name_of(v));
      unplanned_.push_back({v, graph.buffers.size(), {Ref{id}, &root_}});
      graph.buffers.push_back({id, name_of(v), ir::kNoValue, ir::Role::buffer, /*shared=*/true});
      hold(root_, v, Ref{id});
    }
    // State that another method may have left its content in, or that begins as something, whether or not it is read before it is written.
    const auto place = t ? place_of(*t) : std::nullopt;
    if (!place || (t->data_buffer_idx() == 0 && !is_external(*t) && !file_->shared_at(place->buffer, place->begin))) continue;
    const bool known = std::any_of(states_.begin(), states_.end(), [&](const State& s) { return *place_of(*tensor(s.tensor)) == *place; });
    if (!known) new_state(root_, v, *place);
  }
}

ir::Graph PlanImporter::finish() {
  run(root_, {0, count(plan_.chains()->Get(0)->instructions())});
  ir::Graph& graph = root_.graph;
  const auto give = [&](const Arg& a) {
    ir::Output out;
    out.name = "output" + std::to_string(graph.outputs.size());
    if (a.ref())
      out.value = a.ref()->id;
    else
      out.literal = a;
    graph.outputs.push_back(std::move(out));
  };
  for (uint32_t i = written_inputs(plan_); i < count(plan_.outputs()); ++i) {
    const Arg a = argument(root_, static_cast<uint32_t>(plan_.outputs()->Get(i)), "");
    if (const Arg::List* list = a.list())  // given one by one, as the runtime has it
      for (const Arg& item : *list) give(item);
    else
      give(a);
  }
  const std::vector<State> states = states_;  // reading may find more
  for (const State& s : states) {
    const Tensor now = read_place(root_, s.tensor, *place_of(*tensor(s.tensor)));
    if (now.id != s.initial.arg.ref()->id) graph.buffers[s.buffer].update = now.id;
  }
  for (const State& s : unplanned_) {
    if (!(root_.values.at(s.tensor) == s.initial)) graph.buffers[s.buffer].update = read(root_, s.tensor).id;
  }
  for (const auto& [v, initial] : inputs_) {
    const Known& now = root_.values.at(v);
    if (now == initial) continue;
    for (size_t i = 0; i < graph.inputs.size(); ++i)
      if (graph.inputs[i].value == initial.arg.ref()->id) graph.input_mutations.push_back({i, read(root_, v).id});
  }
  return std::move(graph);
}

std::string PlanImporter::operator_name(const pte::KernelCall& call) const {
  const pte::Operator* op = plan_.operators()->Get(static_cast<uint32_t>(call.op_index()));
  return count(op->overload()) ? op->name()->str() + "." + op->overload()->str() : op->name()->str();
}

void PlanImporter::set_origin(Scope& s, uint32_t i) {
  const auto* traces = plan_.chains()->Get(0)->stacktrace();
  if (i >= count(traces) || count(traces->Get(i)->items()) == 0) return;
  const pte::Frame* frame = traces->Get(i)->items()->Get(count(traces->Get(i)->items()) - 1);
  if (!count(frame->filename())) return;
  ir::Origin o;
  o.line = frame->filename()->str() + ":" + std::to_string(frame->lineno());
  if (frame->context()) o.code = frame->context()->str();
  if (!(s.graph.origins.back() == o)) s.graph.origins.push_back(std::move(o));
  s.build.origin = static_cast<uint32_t>(s.graph.origins.size() - 1);
}

void PlanImporter::run(Scope& s, Range range) {
  for (uint32_t i = range.first; i < range.second;) {
    const pte::Instruction& in = instruction(i);
    set_origin(s, i);
    try {
      if (const auto back = back_edge_to(i, range.second)) {
        i = loop(s, i, *back);
        continue;
      }
      if (in.instr_args_type() == pte::InstructionArguments_JumpFalseCall) {
        i = choose(s, i, range.second);
        continue;
      }
      switch (in.instr_args_type()) {
        case pte::InstructionArguments_KernelCall: call(s, *in.instr_args_as_KernelCall()); break;
        case pte::InstructionArguments_DelegateCall: delegate(s, *in.instr_args_as_DelegateCall()); break;
        case pte::InstructionArguments_MoveCall: move(s, *in.instr_args_as_MoveCall()); break;
        default: break;
      }
    } catch (Refusal& r) {
      if (!r.text.starts_with("instruction ")) {
        std::string what = "instruction " + std::to_string(i);
        if (const auto* k = in.instr_args_as_KernelCall()) what += " (" + operator_name(*k) + ")";
        const std::string& line = s.graph.origins[s.build.origin].line;
        r.text = what + ": " + r.text + (line.empty() ? "" : " (at " + line + ")");
      }
      throw;
    }
    ++i;
  }
}

void PlanImporter::move(Scope& s, const pte::MoveCall& call) {
  const auto from = static_cast<uint32_t>(call.move_from()), to = static_cast<uint32_t>(call.move_to());
  s.values[to] = {tensor(from) ? Arg(read(s, from)) : number(s, from), &s};
}

namespace {

// The one element of `t`. Data decides what it is, so its samples are any, of which no two are taken as equal.
Arg item(ir::Builder& build, Tensor t) {
  const bool real = is_floating(t.dtype());
  if (!real && t.dtype() != DType::boolean) return build.item(t);
  Type type = Type::scalar(real ? Type::Kind::real : Type::Kind::boolean);
  for (int k = 0; k < ir::kAssignments; ++k) {
    type.real[k] = 0.7310585786 + 1.618033988 * k + static_cast<double>(build.graph().values.size() % 97) / 3;
    type.number.at[k] = k % 2;
  }
  return Ref{build.append(*ir::find_op_info("aten::_local_scalar_dense"), {t}, {type})[0]};
}

}  // namespace

// Numbers, and what ExecuTorch does with tensors beside ATen. False: no such operator.
bool PlanImporter::prim(Scope& s, const std::string& name, const std::vector<uint32_t>& args) {
  const bool is_view = name == "executorch_prim::et_view.default";
  const OpInfo* op = is_view ? nullptr : ir::find_op_info(name);
  if (!is_view && !(op && ops::sym::is_sym_op(name))) return false;
  const size_t wanted = is_view ? 3 : op->schema.args.size() + op->schema.returns.size();
  if (args.size() != wanted) throw Refusal{Code::bad_file, std::to_string(args.size()) + " arguments (expected " + std::to_string(wanted) + ")"};
  if (is_view) {
    s.values[args[2]] = {s.build.one("aten::reshape", {argument(s, args[0], "Tensor"), argument(s, args[1], "int[]")}), &s};
    return true;
  }
  std::vector<Arg> list;
  for (size_t i = 0; i < op->schema.args.size(); ++i) list.push_back(argument(s, args[i], op->schema.args[i].type));
  if (name == "aten::_local_scalar_dense" && list[0].ref()) {
    s.values[args.back()] = {item(s.build, {&s.build, list[0].ref()->id}), &s};
    return true;
  }
  const std::vector<Arg> results = s.build.call(*op, std::move(list));
  if (!results.empty()) s.values[args.back()] = {results[0], &s};
  if (name == "executorch_prim::add.Scalar") sums_[args[2]] = {args[0], args[1]};
  return true;
}

// Copies: of values, so that nothing remains of most of them. False: another operator.
bool PlanImporter::copy(Scope& s, const std::string& name, const std::vector<uint32_t>& args) {
  const bool assigns = name == "aten::copy_";
  const bool clones = name == "aten::clone.out" || name == "dim_order_ops::_to_dim_order_copy.out" || name == "dim_order_ops::_clone_dim_order.out" ||
                      name == "aten::alias_copy.out" || name == "aten::detach_copy.out" || name == "aten::_to_copy.out" || name == "et_copy::_h2d_copy.out" ||
                      name == "et_copy::_d2h_copy.out";
  const bool empties = name == "dim_order_ops::_empty_dim_order.out";
  if (!assigns && !clones && !empties) return false;
  if (args.size() < 3) throw Refusal{Code::bad_file, std::to_string(args.size()) + " arguments (expected 3 or more)"};
  const uint32_t out = assigns ? args[0] : args.back();
  const pte::Tensor* target = tensor(out);
  if (!target) throw Refusal{Code::bad_file, "its result is no tensor"};
  const auto dtype = static_cast<DType>(target->scalar_type());
  if (empties) {
    write(s, out, s.build.one("aten::full", {argument(s, args[0], "int[]"), 0, dtype}));
    return true;
  }
  Tensor t = read(s, args[assigns ? 1 : 0]);
  const Type expected = type_of(*target);
  if (assigns && t.type().sizes != expected.sizes && target->shape_dynamism() == 0) {
    std::vector<ir::Int> sizes;
    for (const ir::Dim& d : expected.sizes) sizes.emplace_back(d.at[0]);
    t = s.build("aten::expand", t, sizes);
  }
  write(s, out, t);
  return true;
}

namespace {

// The view of which `op` makes a copy: values of a graph are never written to, so the view serves. A reshape may have to copy.
const OpInfo* view_of_copy(const OpInfo& op) {
  const std::string_view name = op.name;
  const size_t at = name.find("_copy");
  if (at == name.npos || (at + 5 < name.size() && name[at + 5] != '.')) return &op;
  std::string view = std::string(name.substr(0, at)) + std::string(name.substr(at + 5));
  if (view == "aten::view") view = "aten::reshape";
  const OpInfo* info = ir::find_op_info(view);
  return info && info->schema.args.size() == op.schema.args.size() ? info : &op;
}

}  // namespace

// n, where a slice ends at start + n. Not a constant one of which the result may be shorter: it may lie across the end.
std::optional<uint32_t> PlanImporter::sliced_length(Scope& s, uint32_t start, uint32_t end, uint32_t out) {
  const auto sum = sums_.find(end);
  if (sum == sums_.end() || (sum->second.first != start && sum->second.second != start)) return std::nullopt;
  const uint32_t n = sum->second.first == start ? sum->second.second : sum->second.first;
  return s.values.count(n) || tensor(out)->shape_dynamism() == 0 ? std::optional(n) : std::nullopt;
}

// The functional operator's, made of the call's.
std::vector<Arg> PlanImporter::arguments(Scope& s, const ops::OutVariant& form, const ir::Schema& schema, const std::vector<uint32_t>& args, uint32_t out) {
  std::vector<Arg> list;
  if (form.pattern.empty())
    for (size_t i = 0; i < schema.args.size(); ++i) list.push_back(argument(s, args[i], schema.args[i].type));
  ops::for_each_item(form.pattern, [&](std::string_view item) {
    const std::string& type = schema.args.at(list.size()).type;
    const auto given = [&](char digit) { return argument(s, args.at(static_cast<size_t>(digit - '0')), type); };
    if (item == "dtype") list.push_back(static_cast<DType>(tensor(out)->scalar_type()));
    else if (item == "none") list.push_back(nullptr);
    else if (item == "true" || item == "false") list.push_back(item == "true");
    else if (item == "[]") list.push_back(Arg::List{});
    else if (item[0] == '=') list.push_back(int64_t{item[1] - '0'});
    else if (item[0] == '[') list.push_back(Arg::List{given(item[1])});
    else list.push_back(given(item[0]));
  });
  list.resize(schema.args.size());
  return list;
}

void PlanImporter::call(Scope& s, const pte::KernelCall& call) {
  const std::string name = operator_name(call);
  std::vector<uint32_t> args;
  for (uint32_t i = 0; i < count(call.args()); ++i) args.push_back(static_cast<uint32_t>(call.args()->Get(i)));
  if (prim(s, name, args) || copy(s, name, args)) return;
  ops::OutVariant form;
  char buffer[128];
  const OpInfo* functional = ops::find_out_variant(name, &form) ? ir::find_op_info(form.functional(buffer, sizeof buffer)) : nullptr;
  if (!functional) throw Refusal{Code::unsupported, "there is no such operator here"};
  const ir::Schema& schema = functional->schema;
  const size_t taken = form.pattern.empty() ? schema.args.size() : form.args, results = form.in_place ? 0 : schema.returns.size();
  if (args.size() != taken + results + 1)
    throw Refusal{Code::bad_file, std::to_string(args.size()) + " arguments (expected " + std::to_string(taken + results + 1) + ")"};
  std::vector<uint32_t> outs;
  for (size_t r = 0; r < results; ++r)
    for (uint32_t v : items(args[taken + r])) outs.push_back(v);
  if (form.in_place) outs.push_back(args[0]);
  for (uint32_t v : outs)
    if (!tensor(v)) throw Refusal{Code::bad_file, "result " + std::to_string(v) + " is no tensor"};
  std::vector<Arg> list = arguments(s, form, schema, args, outs.empty() ? 0 : outs[0]);
  // What writes to arguments has a twin that gives their new values after its results (ops/kv_cache.h).
  const OpInfo* op = view_of_copy(*functional);
  bool writes = false;
  for (size_t i = 0; i < schema.args.size() && form.pattern.empty(); ++i) {
    if (!schema.args[i].written) continue;
    writes = true;
    outs.push_back(args[i]);
  }
  if (op->name == "aten::slice.Tensor")
    if (const auto n = sliced_length(s, args[2], args[3], outs[0])) keep_within(s.build, argument(s, *n, "SymInt"), list);
  if (writes && !(op = functional_twin(functional->name))) throw Refusal{Code::unsupported, "it writes to an argument"};
  const std::vector<Arg> given = s.build.call(*op, std::move(list));
  if (given.size() < outs.size() || (!form.in_place && given.size() != outs.size()))
    throw Refusal{Code::bad_file, std::to_string(outs.size()) + " results (expected " + std::to_string(given.size()) + ")"};
  for (size_t i = 0; i < outs.size(); ++i)
    if (given[i].ref()) write(s, outs[i], {&s.build, given[i].ref()->id});
}

}  // namespace portfire::import
