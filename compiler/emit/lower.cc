#include "compiler/emit/lower.h"

#include <algorithm>
#include <map>

#include "compiler/emit/write_back.h"
#include "compiler/ir/builder.h"
#include "ops/panels.h"

namespace portfire::emit {

using ir::find_op_info;
using ir::Graph;
using ir::kNoValue;
using ir::Node;
using ir::Ref;
using ir::Refusal;
using ir::Type;

namespace {

class Lowering {
 public:
  Lowering(const Graph& graph, bool executorch) : graph_(graph) { out_.executorch = executorch; }

  Lowered run() {
    out_.name = graph_.name;
    out_.origins = graph_.origins;
    out_.symbols = graph_.symbols;
    out_.input_structure = graph_.input_structure;
    out_.output_structure = graph_.output_structure;
    Map map;
    for (const ir::Input& i : graph_.inputs) out_.inputs.push_back({define(graph_, i.value, map), i.name});
    for (const ir::Buffer& b : graph_.buffers) {
      out_.state.push_back(b);
      out_.state.back().value = define(graph_, b.value, map);
      out_.state.back().update = kNoValue;
      is_state_[out_.state.back().value] = true;
    }
    body(graph_, map);
    std::vector<std::pair<ValueId, ValueId>> writes;  // memory, new value
    for (size_t i = 0; i < graph_.buffers.size(); ++i)
      if (graph_.buffers[i].update != kNoValue) writes.emplace_back(out_.state[i].value, value(graph_, graph_.buffers[i].update, map));
    for (const ir::InputMutation& m : graph_.input_mutations) writes.emplace_back(out_.inputs[m.input].value, value(graph_, m.value, map));
    for (const ir::Output& o : graph_.outputs) {
      ir::Output mapped = o;
      if (o.value != kNoValue) mapped.value = value(graph_, o.value, map);
      out_.outputs.push_back(std::move(mapped));
    }
    write_back(&out_, std::move(writes));
    return std::move(out_);
  }

 private:
  using Map = std::map<ValueId, Arg>;  // of one graph's values to ours, or to a number

  ValueId add(const Type& type, const std::string& name) {
    ir::ValueInfo info;
    info.type = type;
    info.name = name;
    out_.values.push_back(std::move(info));
    return static_cast<ValueId>(out_.values.size() - 1);
  }
  ValueId define(const Graph& g, ValueId v, Map& map) {
    const ValueId id = add(g.values[v].type, g.values[v].name);
    out_.values[id].constant = g.values[v].constant;
    map[v] = Ref{id};
    return id;
  }
  Arg mapped(const Graph& g, const Arg& a, Map& map) {
    if (const Ref* r = a.ref()) {
      auto it = map.find(r->id);
      if (it != map.end()) return it->second;
      PF_CHECK(g.values[r->id].constant != nullptr);
      // One value for each constant, however many graphs mention it.
      const auto key = std::pair{g.values[r->id].constant.get(), &g};
      auto [known, fresh] = constants_.try_emplace({key, r->id}, kNoValue);
      if (fresh) known->second = define(g, r->id, map);
      map[r->id] = Ref{known->second};
      return map[r->id];
    }
    if (const Arg::List* l = a.list()) {
      Arg::List list;
      for (const Arg& item : *l) list.push_back(mapped(g, item, map));
      return list;
    }
    return a;
  }
  ValueId value(const Graph& g, ValueId v, Map& map) {
    const Arg a = mapped(g, Ref{v}, map);
    if (a.ref()) return a.ref()->id;
    throw Refusal{Code::unsupported, "a result that is a plain number"};
  }

  uint32_t here() const { return static_cast<uint32_t>(out_.code.size()); }
  Instruction& emit(Instruction i) {
    i.origin = origin_;
    out_.code.push_back(std::move(i));
    return out_.code.back();
  }
  void call(const char* op, std::vector<Arg> args, std::vector<ValueId> outs) {
    emit({Instruction::Kind::call, find_op_info(op), std::move(args), std::move(outs)});
  }
  size_t jump_if_false(Arg condition) {
    emit({Instruction::Kind::jump_false, nullptr, {std::move(condition)}, {}});
    return out_.code.size() - 1;
  }
  size_t jump() { return jump_if_false(false); }
  void land(size_t jump_at) { out_.code[jump_at].target = here(); }

  // Stores `from` in `to`, which has memory of its own.
  void assign(ValueId to, const Arg& from) {
    if (out_.values[to].type.is_tensor())
      call("aten::clone", {from, 0}, {to});
    else
      emit({Instruction::Kind::move, nullptr, {from}, {to}});
  }
  ValueId copy_of(const Arg& from, const Type& type, const char* name) {
    Type own = type;
    own.strides.clear();
    const ValueId v = add(own, name);
    assign(v, from);
    return v;
  }

  void body(const Graph& g, Map& map) {
    for (const Node& n : g.nodes) {
      origin_ = &g == &graph_ ? n.origin : origin_;
      if (n.op->name == "portfire::cond") {
        cond(g, n, map);
      } else if (n.op->name == "portfire::while_loop") {
        while_loop(g, n, map);
      } else if (n.op->name == "portfire::scan") {
        scan(g, n, map);
      } else {
        Instruction i{Instruction::Kind::call, n.op, {}, {}};
        for (const Arg& a : n.args) i.args.push_back(mapped(g, a, map));
        for (ValueId v : n.outs) i.outs.push_back(define(g, v, map));
        emit(std::move(i));
      }
    }
  }

  static const Graph& sub_graph(const Node& n, size_t k) {
    const auto* g = n.args.at(k).graph();
    if (!g) throw Refusal{Code::bad_file, std::string(n.op->name) + ": argument " + std::to_string(k) + " is no sub-graph"};
    return **g;
  }

  // Inlines `inner` on `operands`; its results.
  std::vector<Arg> inlined(const Graph& inner, const std::vector<Arg>& operands) {
    if (operands.size() != inner.inputs.size())
      throw Refusal{Code::bad_file, "a sub-graph takes " + std::to_string(inner.inputs.size()) + " operands, " +
                                        std::to_string(operands.size()) + " are given"};
    Map map;
    for (size_t i = 0; i < operands.size(); ++i) map[inner.inputs[i].value] = operands[i];
    body(inner, map);
    std::vector<Arg> results;
    for (const ir::Output& o : inner.outputs) results.push_back(o.value == kNoValue ? o.literal : mapped(inner, Ref{o.value}, map));
    return results;
  }

  std::vector<Arg> operands(const Graph& g, const Arg& list, Map& map) {
    const Arg m = mapped(g, list, map);
    return m.list() ? *m.list() : std::vector<Arg>{};
  }

  void cond(const Graph& g, const Node& n, Map& map) {
    const Arg predicate = mapped(g, n.args[0], map);
    const std::vector<Arg> args = operands(g, n.args[3], map);
    if (!predicate.ref()) {  // known when compiling
      const bool yes = predicate.boolean() ? *predicate.boolean() : predicate.integer() && *predicate.integer() != 0;
      const std::vector<Arg> results = inlined(sub_graph(n, yes ? 1 : 2), args);
      for (size_t i = 0; i < n.outs.size(); ++i) map[n.outs[i]] = results.at(i);
      return;
    }
    std::vector<ValueId> outs;
    for (ValueId v : n.outs) {
      const ValueId memory = &g == &graph_ ? state_that_becomes(n, v) : kNoValue;
      outs.push_back(memory == kNoValue ? define(g, v, map) : memory);
      map[v] = Ref{outs.back()};
    }
    const size_t to_false = jump_if_false(predicate);
    branch(sub_graph(n, 1), args, outs);
    const size_t to_end = jump();
    land(to_false);
    branch(sub_graph(n, 2), args, outs);
    land(to_end);
  }
  void branch(const Graph& inner, const std::vector<Arg>& args, const std::vector<ValueId>& outs) {
    const std::vector<Arg> results = inlined(inner, args);
    for (size_t i = 0; i < outs.size() && i < results.size(); ++i) {
      if (results[i].none()) continue;
      const ValueId out = outs[i];
      if (!is_state_[out])
        assign(out, results[i]);
      else if (results[i] != Arg(Ref{out}))
        call("portfire::write", {Ref{out}, results[i]}, {});
    }
  }
  // The memory of the state that result `v` of the choice `n` is the new value of, where both branches may write it there: nothing
  // after `n` reads the old value, and no branch gives it as another result.
  ValueId state_that_becomes(const Node& n, ValueId v) const {
    const ir::Buffer* found = nullptr;
    for (const ir::Buffer& b : graph_.buffers)
      if (b.update == v) {
        if (found) return kNoValue;
        found = &b;
      }
    if (!found || !(graph_.type(v) == graph_.type(found->value))) return kNoValue;
    size_t operand = SIZE_MAX;
    const Arg::List& operands = *n.args[3].list();
    for (size_t i = 0; i < operands.size(); ++i)
      if (operands[i] == Arg(Ref{found->value})) operand = i;
    bool later = false, used = false;
    for (const ir::Output& o : graph_.outputs) used |= o.value == found->value;
    for (const ir::Buffer& b : graph_.buffers) used |= b.update == found->value;
    for (const Node& other : graph_.nodes) {
      if (later) used |= other.op->name.starts_with("portfire::check_");
      if (later) for_each_ref(other, [&](ValueId u) { used |= u == found->value; });
      later |= &other == &n;
    }
    for (const Graph* inner : {&sub_graph(n, 1), &sub_graph(n, 2)})
      for (size_t i = 0; i < inner->outputs.size() && operand != SIZE_MAX; ++i)
        used |= inner->outputs[i].value == inner->inputs[operand].value && n.outs[i] != v;
    // A view of the old value could be a result too; graphs that training builds have none.
    for (const Graph* inner : {&sub_graph(n, 1), &sub_graph(n, 2)})
      for (const Node& other : inner->nodes) used |= other.op->is_view() && operand != SIZE_MAX && other.args[0] == Arg(Ref{inner->inputs[operand].value});
    if (used) return kNoValue;
    for (const ir::Buffer& s : out_.state)
      if (s.name == found->name) return s.value;
    return kNoValue;
  }

  // New values of the carried ones; all are computed before the first is overwritten.
  void update(const std::vector<ValueId>& carried, const std::vector<Arg>& fresh) {
    std::vector<Arg> held;
    for (size_t i = 0; i < carried.size(); ++i)
      held.push_back(carried.size() == 1 ? fresh.at(i) : Arg(Ref{copy_of(fresh.at(i), out_.values[carried[i]].type, "next")}));
    for (size_t i = 0; i < carried.size(); ++i) assign(carried[i], held[i]);
  }

  void while_loop(const Graph& g, const Node& n, Map& map) {
    const std::vector<Arg> first = operands(g, n.args[2], map), additional = operands(g, n.args[3], map);
    std::vector<ValueId> carried;
    std::vector<Arg> args;
    for (size_t i = 0; i < first.size(); ++i) {
      const Type type = i < n.outs.size() ? g.type(n.outs[i]) : first[i].ref() ? out_.values[first[i].ref()->id].type : Type::integer(0);
      carried.push_back(copy_of(first[i], type, "carried"));
      args.push_back(Ref{carried.back()});
    }
    args.insert(args.end(), additional.begin(), additional.end());
    const uint32_t top = here();
    const std::vector<Arg> go_on = inlined(sub_graph(n, 0), args);
    const size_t to_end = jump_if_false(go_on.at(0));
    update(carried, inlined(sub_graph(n, 1), args));
    out_.code[jump()].target = top;
    land(to_end);
    for (size_t i = 0; i < n.outs.size(); ++i) map[n.outs[i]] = Ref{carried.at(i)};
  }

  void scan(const Graph& g, const Node& n, Map& map) {
    const std::vector<Arg> init = operands(g, n.args[1], map), xs = operands(g, n.args[2], map),
                           additional = operands(g, n.args[3], map);
    if (xs.empty() || !xs[0].ref()) throw Refusal{Code::unsupported, "scan or map over nothing"};
    const Graph& inner = sub_graph(n, 0);
    std::vector<ValueId> carried;
    for (size_t i = 0; i < init.size(); ++i) carried.push_back(copy_of(init[i], g.type(n.outs.at(i)), "carried"));
    const Type int_type = Type::integer(0);
    const ir::Dim length = out_.values[xs[0].ref()->id].type.sizes.at(0);
    Arg count = length.at[0];
    if (!length.is_static() || out_.values[xs[0].ref()->id].type.unbounded) {
      const ValueId v = add(Type::integer(length), "length");
      call("aten::sym_size.int", {xs[0], 0}, {v});
      count = Ref{v};
    }
    std::vector<ValueId> stacked;
    for (size_t i = init.size(); i < n.outs.size(); ++i) {
      const ValueId v = define(g, n.outs[i], map);
      const Type& t = out_.values[v].type;
      if (!t.is_static() || t.unbounded) {
        Arg::List sizes{count};
        for (int d = 1; d < t.rank(); ++d) {
          if (!t.sizes[d].is_static()) throw Refusal{Code::unsupported, "scan with results of symbolic sizes"};
          sizes.push_back(t.sizes[d].at[0]);
        }
        call("aten::full", {sizes, 0, t.dtype, nullptr, nullptr, nullptr}, {v});
      }
      stacked.push_back(v);
    }
    const ValueId i = add(int_type, "i"), go_on = add(Type::scalar(Type::Kind::boolean), "more");
    emit({Instruction::Kind::move, nullptr, {Arg(0)}, {i}});
    const uint32_t top = here();
    call("executorch_prim::lt.Scalar", {Ref{i}, count}, {go_on});
    const size_t to_end = jump_if_false(Ref{go_on});
    std::vector<Arg> args;
    for (ValueId c : carried) args.push_back(Ref{c});
    for (const Arg& x : xs) args.push_back(Ref{slice(x.ref()->id, i)});
    args.insert(args.end(), additional.begin(), additional.end());
    std::vector<Arg> results = inlined(inner, args);
    for (size_t k = 0; k < stacked.size(); ++k) {
      const Arg& row = results.at(carried.size() + k);
      if (out_.executorch)
        call("portfire::write", {Ref{stacked[k]}, row, Ref{i}}, {});
      else
        call("portfire::write", {Ref{slice(stacked[k], i)}, row}, {});
    }
    results.resize(carried.size());
    if (!carried.empty()) update(carried, results);
    const ValueId next = add(int_type, "next_i");
    call("executorch_prim::add.Scalar", {Ref{i}, Arg(1)}, {next});
    emit({Instruction::Kind::move, nullptr, {Ref{next}}, {i}});
    out_.code[jump()].target = top;
    land(to_end);
    for (size_t k = 0; k < carried.size(); ++k) map[n.outs.at(k)] = Ref{carried[k]};
  }

  // x[i]: a view, where there are views.
  ValueId slice(ValueId x, ValueId i) {
    Type t = out_.values[x].type;
    t.sizes.erase(t.sizes.begin());
    if (!t.strides.empty()) t.strides.erase(t.strides.begin());
    const ValueId v = add(t, "slice");
    call(out_.executorch ? "aten::select_copy.int" : "aten::select.int", {Ref{x}, 0, Ref{i}}, {v});
    return v;
  }

  const Graph& graph_;
  Lowered out_;
  std::map<std::pair<std::pair<const ir::Constant*, const Graph*>, ValueId>, ValueId> constants_;
  std::map<ValueId, bool> is_state_;  // of out_'s values
  uint32_t origin_ = 0;
};

}  // namespace

Result<Lowered> lower(const Graph& graph, bool executorch) {
  try {
    return Lowering(graph, executorch).run();
  } catch (const Refusal& r) {
    return Error::make(r.code, "%s", r.text.c_str());
  }
}

size_t count_bf16_products(const Lowered& program) {
  size_t count = 0;
  for (const Instruction& i : program.code) {
    if (!i.op) continue;
    count += i.op->name == "portfire::attention_bf16";
    if (ops::takes_panels(i.op->name))
      for (const Arg& a : i.args) count += a.ref() && program.values[a.ref()->id].type.dtype == DType::bf16;
  }
  return count;
}

}  // namespace portfire::emit
