// Jumps of a `.pte`, as the sub-graphs of control flow that they come from. ExecuTorch emits two structures:
//
//     jump_false CONDITION -> ELSE           TOP: ... select_copy(xs, 0, i) ... et_copy_index(ys, y, i)
//     ... moves                                   add(i, 1) -> i;  eq(i, n) -> done
//     jump_false false -> END                     jump_false done -> TOP
//     ELSE: ... moves                             sub(i, n) -> i
//     END:
//
// cond, and the loops of map and scan, which carry what `copy_` writes.
#include <algorithm>
#include <set>

#include "compiler/import/pte_graph.h"
#include "format/reading.h"

namespace portfire::import {

using ir::Arg;
using ir::Ref;
using ir::Refusal;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

namespace {

const pte::KernelCall* called(const pte::Instruction& in, size_t args) {
  const pte::KernelCall* call = in.instr_args_as_KernelCall();
  return call && count(call->args()) == args ? call : nullptr;
}

ir::Output result_of(const Arg& a) {
  ir::Output out;
  if (a.ref())
    out.value = a.ref()->id;
  else
    out.literal = a;
  return out;
}

}  // namespace

std::set<std::pair<uint32_t, uint32_t>> PlanImporter::back_edges(const pte::ExecutionPlan& plan) {
  std::set<std::pair<uint32_t, uint32_t>> edges;
  const auto* code = plan.chains()->Get(0)->instructions();
  for (uint32_t i = 0; i < count(code); ++i) {
    const auto* jump = code->Get(i)->instr_args_as_JumpFalseCall();
    if (jump && static_cast<uint32_t>(jump->destination_instruction()) <= i) edges.emplace(static_cast<uint32_t>(jump->destination_instruction()), i);
  }
  return edges;
}

std::optional<uint32_t> PlanImporter::back_edge_to(uint32_t top, uint32_t end) const {
  const auto next = back_edges_.lower_bound({top, end});
  if (next == back_edges_.begin() || std::prev(next)->first != top) return std::nullopt;
  return std::prev(next)->second;
}

// Which values something from `instruction` on mentions, the outputs and state included.
std::vector<bool> PlanImporter::used_from(uint32_t first) const {
  std::vector<bool> used(count(plan_.values()));
  auto mark = [&](uint32_t v) {
    used[v] = true;
    const pte::EValue& e = value(v);
    if (const auto* l = e.val_as_TensorList())
      for (uint32_t i = 0; i < count(l->items()); ++i) used[static_cast<uint32_t>(l->items()->Get(i))] = true;
    if (const auto* l = e.val_as_OptionalTensorList())
      for (uint32_t i = 0; i < count(l->items()); ++i)
        if (l->items()->Get(i) >= 0) used[static_cast<uint32_t>(l->items()->Get(i))] = true;
    if (const auto* l = e.val_as_IntList())
      for (uint32_t i = 0; i < count(l->items()); ++i) used[static_cast<uint32_t>(l->items()->Get(i))] = true;
  };
  for (uint32_t i = first; i < count(plan_.chains()->Get(0)->instructions()); ++i) {
    const pte::Instruction& in = instruction(i);
    if (const auto* k = in.instr_args_as_KernelCall())
      for (uint32_t a = 0; a < count(k->args()); ++a) mark(static_cast<uint32_t>(k->args()->Get(a)));
    if (const auto* d = in.instr_args_as_DelegateCall())
      for (uint32_t a = 0; a < count(d->args()); ++a) mark(static_cast<uint32_t>(d->args()->Get(a)));
    if (const auto* m = in.instr_args_as_MoveCall()) mark(static_cast<uint32_t>(m->move_from()));
    if (const auto* j = in.instr_args_as_JumpFalseCall()) mark(static_cast<uint32_t>(j->cond_value_index()));
  }
  for (uint32_t i = 0; i < count(plan_.outputs()); ++i) mark(static_cast<uint32_t>(plan_.outputs()->Get(i)));
  for (const State& s : states_) used[s.tensor] = true;
  for (const State& s : unplanned_) used[s.tensor] = true;
  for (const auto& [v, known] : inputs_) used[v] = true;
  return used;
}

uint32_t PlanImporter::choose(Scope& s, uint32_t pc, uint32_t end) {
  const auto* jump = instruction(pc).instr_args_as_JumpFalseCall();
  const auto otherwise = static_cast<uint32_t>(jump->destination_instruction());
  if (otherwise <= pc || otherwise > end) throw Refusal{Code::unsupported, "a jump that is no choice and no loop over rows"};
  // What ends the first branch: a jump over the second.
  uint32_t first_end = otherwise, after = otherwise;
  const auto* over = otherwise > pc + 1 ? instruction(otherwise - 1).instr_args_as_JumpFalseCall() : nullptr;
  if (over && static_cast<uint32_t>(over->destination_instruction()) >= otherwise) {
    const auto* never = value(static_cast<uint32_t>(over->cond_value_index())).val_as_Bool();
    if (never && !never->value()) {
      first_end = otherwise - 1;
      after = static_cast<uint32_t>(over->destination_instruction());
    }
  }
  if (after > end) throw Refusal{Code::unsupported, "a jump out of a branch"};
  const Arg condition = argument(s, static_cast<uint32_t>(jump->cond_value_index()), "bool");
  if (!condition.ref()) {  // known when importing
    const bool yes = condition.boolean() ? *condition.boolean() : condition.integer() && *condition.integer() != 0;
    run(s, yes ? Range{pc + 1, first_end} : Range{otherwise, after});
    return after;
  }
  std::unique_ptr<Scope> branches[2];
  for (int b = 0; b < 2; ++b) {
    branches[b] = std::make_unique<Scope>(&s);
    branches[b]->graph.name = b == 0 ? "then" : "else";
    branches[b]->values = s.values;
    branches[b]->memory = s.memory;
    run(*branches[b], b == 0 ? Range{pc + 1, first_end} : Range{otherwise, after});
  }
  // What either of them changed, and something reads later.
  const std::vector<bool> used = used_from(after);
  struct Change {
    uint32_t tensor;
    std::optional<Place> place;
    Known of[2];
  };
  std::vector<Change> changes;
  auto known_at = [](const Scope& scope, const Place& place) -> const Held* {
    for (const Held& h : scope.memory)
      if (h.place == place) return &h;
    return nullptr;
  };
  std::set<uint32_t> indices;
  for (const auto& branch : branches)
    for (const auto& [v, known] : branch->values)
      if (used[v] && known.scope == branch.get()) indices.insert(v);
  for (uint32_t v : indices) {
    Change c{v, std::nullopt, {}};
    bool both = true;
    for (int b = 0; b < 2; ++b) {
      const auto it = branches[b]->values.find(v);
      if (it != branches[b]->values.end())
        c.of[b] = it->second;
      else
        both = false;
    }
    if (both) changes.push_back(c);
  }
  for (const auto& branch : branches)
    for (const Held& h : branch->memory) {
      if (h.value.scope != branch.get()) continue;
      const bool listed = std::any_of(changes.begin(), changes.end(), [&](const Change& c) { return c.place == h.place; });
      bool read = false;
      for (uint32_t v = 0; v < used.size() && !read; ++v)
        if (used[v] && tensor(v) && place_of(*tensor(v))) read = place_of(*tensor(v))->overlaps(h.place);
      if (listed || !read) continue;
      const Held *a = known_at(*branches[0], h.place), *b = known_at(*branches[1], h.place);
      if (a && b) changes.push_back({h.tensor, h.place, {a->value, b->value}});
    }
  std::vector<Type> types;
  std::erase_if(changes, [&](const Change& c) {
    Type type[2];
    for (int b = 0; b < 2; ++b) {
      const Arg a = use(*branches[b], c.of[b]);
      if (!a.ref()) return true;
      type[b] = branches[b]->graph.type(a.ref()->id);
    }
    return type[0].dtype != type[1].dtype || type[0].sizes != type[1].sizes;
  });
  for (const Change& c : changes) {
    for (int b = 0; b < 2; ++b) branches[b]->graph.outputs.push_back(result_of(use(*branches[b], c.of[b])));
    Type type = branches[0]->graph.type(branches[0]->graph.outputs.back().value);
    type.strides.clear();
    types.push_back(std::move(type));
  }
  // Both take the same operands.
  std::vector<Known> captured;
  for (const auto& branch : branches)
    for (const auto& [known, id] : branch->captured)
      if (std::find(captured.begin(), captured.end(), known) == captured.end()) captured.push_back(known);
  Arg::List operands;
  for (const Known& known : captured) {
    for (const auto& branch : branches) branch->graph.inputs.push_back({use(*branch, known).ref()->id, "captured"});
    operands.push_back(use(s, known));
  }
  std::vector<Arg> args{condition, Arg(std::make_shared<ir::Graph>(std::move(branches[0]->graph))), Arg(std::make_shared<ir::Graph>(std::move(branches[1]->graph))), operands};
  const std::vector<ValueId> results = s.build.append(*ir::find_op_info("portfire::cond"), std::move(args), std::move(types));
  // Memory that a branch used for other things holds nothing any more that could be read.
  std::erase_if(s.memory, [&](const Held& h) {
    return std::any_of(std::begin(branches), std::end(branches), [&](const auto& branch) {
      return std::any_of(branch->memory.begin(), branch->memory.end(), [&](const Held& n) { return n.value.scope == branch.get() && n.place.overlaps(h.place); });
    });
  });
  for (size_t i = 0; i < changes.size(); ++i) {
    if (changes[i].place)
      s.memory.push_back({*changes[i].place, changes[i].tensor, {Ref{results[i]}, &s}});
    else
      s.values[changes[i].tensor] = {Ref{results[i]}, &s};
  }
  return after;
}

uint32_t PlanImporter::loop(Scope& s, uint32_t top, uint32_t back) {
  const Refusal other{Code::unsupported, "a loop that is no map or scan over rows"};
  if (back < top + 2) throw other;
  const pte::KernelCall *next = called(instruction(back - 2), 3), *done = called(instruction(back - 1), 3);
  if (!next || !done || operator_name(*next) != "executorch_prim::add.Scalar" || operator_name(*done) != "executorch_prim::eq.Scalar" ||
      next->args()->Get(0) != next->args()->Get(2) || done->args()->Get(0) != next->args()->Get(0) ||
      done->args()->Get(2) != instruction(back).instr_args_as_JumpFalseCall()->cond_value_index())
    throw other;
  const int32_t index = next->args()->Get(0);
  if (number(s, static_cast<uint32_t>(index)) != Arg(0) || number(s, static_cast<uint32_t>(next->args()->Get(1))) != Arg(1)) throw other;

  Scope body(&s);
  body.graph.name = "body";
  body.values = s.values;
  body.memory = s.memory;
  Arg::List init, xs, additional;
  auto input = [&](Type type, const char* name) {
    type.strides.clear();
    const ValueId id = body.graph.add_value(std::move(type), name);
    body.graph.inputs.push_back({id, name});
    return Tensor{&body.build, id};
  };
  // What is carried: memory that holds something, and is written anew by `copy_`.
  std::vector<uint32_t> carried;
  for (uint32_t i = top; i < back - 2; ++i) {
    const pte::KernelCall* k = called(instruction(i), 4);
    if (!k || operator_name(*k) != "aten::copy_") continue;
    const auto v = static_cast<uint32_t>(k->args()->Get(0));
    const auto place = tensor(v) ? place_of(*tensor(v)) : std::nullopt;
    const bool held = place && std::any_of(s.memory.begin(), s.memory.end(), [&](const Held& h) { return h.place == *place; });
    if (!held || std::find(carried.begin(), carried.end(), v) != carried.end()) continue;
    carried.push_back(v);
    const Tensor before = read(s, v);
    init.push_back(before);
    hold(body, v, input(before.type(), "carry"));
  }
  std::vector<std::pair<uint32_t, Tensor>> stacked;  // value of the file, and what is a row of it
  for (uint32_t i = top; i < back - 2; ++i) {
    const pte::KernelCall* k = instruction(i).instr_args_as_KernelCall();
    const std::string name = k ? operator_name(*k) : "";
    const bool selects = name == "aten::select_copy.int_out" && count(k->args()) == 5 && k->args()->Get(2) == index;
    const bool stacks = name == "executorch_prim::et_copy_index.tensor" && count(k->args()) == 3 && k->args()->Get(2) == index;
    set_origin(body, i);
    if (selects) {
      if (number(s, static_cast<uint32_t>(k->args()->Get(1))) != Arg(0)) throw other;
      const Tensor x = read(s, static_cast<uint32_t>(k->args()->Get(0)));
      if (x.rank() < 1) throw other;
      Type row = x.type();
      row.sizes.erase(row.sizes.begin());
      xs.push_back(x);
      write(body, static_cast<uint32_t>(k->args()->Get(3)), input(std::move(row), "x"));
    } else if (stacks) {
      stacked.emplace_back(static_cast<uint32_t>(k->args()->Get(0)), read(body, static_cast<uint32_t>(k->args()->Get(1))));
    } else {
      for (uint32_t a = 0; k && a < count(k->args()); ++a)
        if (k->args()->Get(a) == index) throw other;
      run(body, {i, i + 1});
    }
  }
  if (xs.empty()) throw other;
  std::vector<Type> types;
  for (uint32_t v : carried) {
    body.graph.outputs.push_back(result_of(read(body, v)));
    types.push_back(s.graph.type(read(s, v).id));
  }
  const Type rows = s.graph.type(xs[0].ref()->id);
  for (const auto& [v, row] : stacked) {
    body.graph.outputs.push_back(result_of(row));
    Type type = row.type();
    type.strides.clear();
    type.sizes.insert(type.sizes.begin(), rows.sizes.at(0));
    types.push_back(std::move(type));
  }
  // Inputs stand in the order init, xs, additional.
  std::stable_sort(body.graph.inputs.begin(), body.graph.inputs.end(), [](const ir::Input& a, const ir::Input& b) { return a.name < b.name; });
  for (const auto& [known, id] : body.captured) {
    body.graph.inputs.push_back({id, "captured"});
    additional.push_back(use(s, known));
  }
  std::vector<Arg> args{Arg(std::make_shared<ir::Graph>(std::move(body.graph))), init, xs, additional};
  const std::vector<ValueId> results = s.build.append(*ir::find_op_info("portfire::scan"), std::move(args), std::move(types));
  std::erase_if(s.memory, [&](const Held& h) {
    return std::any_of(body.memory.begin(), body.memory.end(), [&](const Held& n) { return n.value.scope == &body && n.place.overlaps(h.place); });
  });
  s.values[static_cast<uint32_t>(index)] = {number(s, static_cast<uint32_t>(done->args()->Get(1))), &s};
  for (size_t i = 0; i < carried.size(); ++i) hold(s, carried[i], Ref{results[i]});
  for (size_t i = 0; i < stacked.size(); ++i) write(s, stacked[i].first, {&s.build, results[carried.size() + i]});
  return back + 1;
}

}  // namespace portfire::import
