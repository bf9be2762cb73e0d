#include "compiler/passes/match.h"

#include <algorithm>

namespace portfire::passes {

using ir::kNoValue;
using ir::Node;
using ir::ValueId;

Uses::Uses(const ir::Graph& g) : producer_(g.values.size()), users_(g.values.size()), result_(g.values.size()) {
  auto outside = [&](ValueId v) {
    if (v != kNoValue) result_[v] = true;
  };
  for (const Node& n : g.nodes) {
    for (ValueId v : n.outs) producer_[v] = &n;
    for_each_ref(n, [&](ValueId v) { users_[v].push_back(&n); });
  }
  for (const ir::Output& o : g.outputs) outside(o.value);
  for (const ir::Buffer& b : g.buffers) outside(b.update);
  for (const ir::InputMutation& m : g.input_mutations) outside(m.value);
}

bool is_number(const ir::Arg& a, double number) {
  return (a.real() && *a.real() == number) || (a.integer() && static_cast<double>(*a.integer()) == number);
}

std::string_view activation_of(const Node& node) {
  constexpr struct {
    std::string_view op, name;
  } kActivations[] = {{"aten::relu", "relu"},   {"portfire::gelu", "gelu"},    {"portfire::gelu_tanh", "gelu_tanh"},
                      {"aten::silu", "silu"},   {"aten::sigmoid", "sigmoid"},  {"aten::tanh", "tanh"}};
  for (const auto& a : kActivations)
    if (node.op->name == a.op) return a.name;
  return {};
}

bool is_control_flow(const ir::Node& node) {
  return node.op->name == "portfire::cond" || node.op->name == "portfire::while_loop" || node.op->name == "portfire::scan";
}

const ir::Constant* constant_of(const ir::Graph& g, ValueId v) {
  for (const ir::Buffer& b : g.buffers)
    if (b.value == v) return nullptr;
  return g.values[v].constant.get();
}

bool is_zeros(const ir::Graph& g, ValueId v) {
  const ir::Constant* c = v == kNoValue ? nullptr : constant_of(g, v);
  const auto* bytes = c ? static_cast<const uint8_t*>(c->data) : nullptr;
  return c && std::all_of(bytes, bytes + c->bytes, [](uint8_t b) { return b == 0; });
}

}  // namespace portfire::passes
