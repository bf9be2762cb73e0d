#include "training/state.h"

#include <cstring>

#include "compiler/ir/builder.h"

namespace portfire::training {

using ir::Graph;
using ir::ValueId;

ValueId add_state(Graph& graph, const std::string& name, ir::Type type, ir::Role role) {
  type.strides.clear();
  const ValueId v = graph.add_value(std::move(type), name);
  graph.buffers.push_back({v, name, ir::kNoValue, role, true});
  return v;
}

ValueId add_number(Graph& graph, const std::string& name, DType dtype, double value, ir::Role role) {
  ir::Builder b(&graph);
  const auto whole = static_cast<int64_t>(value);
  const ValueId v = b.constant(dtype, {}, dtype == DType::i64 ? static_cast<const void*>(&whole) : &value).id;
  graph.values[v].name = name;
  graph.buffers.push_back({v, name, ir::kNoValue, role, true});
  return v;
}

void set_update(Graph& graph, ValueId state, ValueId fresh) {
  for (ir::Buffer& b : graph.buffers)
    if (b.value == state) b.update = fresh;
}

size_t find_state(const Graph& graph, const std::string& name) {
  for (size_t i = 0; i < graph.buffers.size(); ++i)
    if (graph.buffers[i].name == name) return i;
  return SIZE_MAX;
}

}  // namespace portfire::training
