#include "compiler/passes/match.h"

namespace portfire::passes {

using ir::kNoValue;
using ir::Node;
using ir::ValueId;

Uses::Uses(const ir::Graph& g) : producer_(g.values.size()), user_(g.values.size()), count_(g.values.size()) {
  auto outside = [&](ValueId v) {
    if (v != kNoValue) count_[v] += 2;
  };
  for (const Node& n : g.nodes) {
    for (ValueId v : n.outs) producer_[v] = &n;
    for_each_ref(n, [&](ValueId v) {
      ++count_[v];
      user_[v] = &n;
    });
  }
  for (const ir::Output& o : g.outputs) outside(o.value);
  for (const ir::Buffer& b : g.buffers) outside(b.update);
  for (const ir::InputMutation& m : g.input_mutations) outside(m.value);
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

}  // namespace portfire::passes
