#include "training/choice.h"

#include "training/state.h"

namespace portfire::training {

using ir::Arg;
using ir::Builder;
using ir::Graph;
using ir::kNoValue;
using ir::Ref;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

namespace {

// b's state of that name, made where it is missing, with what `inner` begins as.
ValueId outer_state(Graph& g, const Graph& inner, const ir::Buffer& b) {
  if (const size_t i = find_state(g, b.name); i != SIZE_MAX) return g.buffers[i].value;
  const ValueId v = add_state(g, b.name, inner.type(b.value), b.role);
  g.values[v].constant = inner.values[b.value].constant;
  return v;
}

}  // namespace

void append(Builder& b, Choice c) {
  Graph& g = b.graph();
  auto then = std::make_shared<Graph>(std::move(c.then)), keep = std::make_shared<Graph>();
  then->name = "then";
  keep->name = "else";
  Arg::List operands;
  std::vector<ValueId> targets;  // state of g, by result
  std::vector<Type> types;
  const auto operand = [&](Tensor t) {
    operands.push_back(Arg(t));
    const ValueId v = keep->add_value(t.type(), g.values[t.id].name);
    keep->inputs.push_back({v, g.values[t.id].name});
    return v;
  };
  const auto result = [&](ValueId target, ValueId yes, ValueId no) {
    targets.push_back(target);
    Type type = g.type(target);
    types.push_back(type);
    then->outputs.push_back({yes, g.values[target].name, {}});
    keep->outputs.push_back({no, g.values[target].name, {}});
  };
  for (const Tensor& t : c.operands) operand(t);
  for (const ir::Buffer& s : then->buffers) {
    const ValueId outer = outer_state(g, *then, s);
    then->inputs.push_back({s.value, s.name});
    then->values[s.value].constant = nullptr;
    const ValueId kept = operand({&b, outer});
    if (s.update != kNoValue) result(outer, s.update, kept);
  }
  then->buffers.clear();
  Builder inner(then.get());
  for (size_t i = 0; i < c.reset.size(); ++i) {
    const ValueId kept = operand(c.otherwise[i]);
    const Type type = c.reset[i].type();
    then->inputs.push_back({then->add_value(type, "sum"), "sum"});
    std::vector<ir::Int> sizes;
    for (const ir::Dim& d : type.sizes) sizes.push_back(d.at[0]);
    result(c.reset[i].id, inner.full(sizes, 0.0, type.dtype).id, kept);
  }
  const std::vector<ValueId> outs = b.append(*ir::find_op_info("portfire::cond"), {c.condition, then, keep, Arg(operands)}, types);
  for (size_t i = 0; i < outs.size(); ++i) set_update(g, targets[i], outs[i]);
}

}  // namespace portfire::training
