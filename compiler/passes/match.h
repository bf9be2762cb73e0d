// Small questions that several passes ask of a graph.
#pragma once

#include <string_view>
#include <vector>

#include "compiler/ir/graph.h"

namespace portfire::passes {

// Who makes and who uses each value of a graph.
class Uses {
 public:
  explicit Uses(const ir::Graph& graph);
  bool used(ir::ValueId v) const { return count_[v] > 0; }
  // The node that makes `v`; null for inputs and constants.
  const ir::Node* producer(ir::ValueId v) const { return v < producer_.size() ? producer_[v] : nullptr; }
  // The node that is the only use of `v`; null where there are more, or none, or `v` is an output.
  const ir::Node* only_user(ir::ValueId v) const { return count_[v] == 1 ? user_[v] : nullptr; }

 private:
  std::vector<const ir::Node*> producer_, user_;
  std::vector<int> count_;
};

// The name that packed operators give the activation that `node` computes of its first argument, with
// no other operand ("relu", "gelu", ...); empty where it is none.
std::string_view activation_of(const ir::Node& node);

// Operators of sub-graphs, which lowering inlines.
bool is_control_flow(const ir::Node& node);

// A constant of the graph with its data; null where `v` is none, or is state.
const ir::Constant* constant_of(const ir::Graph& graph, ir::ValueId v);

}  // namespace portfire::passes
