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
  bool used(ir::ValueId v) const { return is_result(v) || !users_[v].empty(); }
  // The node that makes `v`; null for inputs and constants.
  const ir::Node* producer(ir::ValueId v) const { return v < producer_.size() ? producer_[v] : nullptr; }
  // The node that is the only use of `v`; null where there are more, or none, or `v` is an output.
  const ir::Node* only_user(ir::ValueId v) const { return users_[v].size() == 1 && !is_result(v) ? users_[v][0] : nullptr; }
  // The nodes that read `v`, one that does so twice is there twice.
  const std::vector<const ir::Node*>& users(ir::ValueId v) const { return users_[v]; }
  // Whether the graph gives `v`: as an output, or what state or an input becomes.
  bool is_result(ir::ValueId v) const { return result_[v]; }

 private:
  std::vector<const ir::Node*> producer_;
  std::vector<std::vector<const ir::Node*>> users_;
  std::vector<bool> result_;
};

// Whether `a` is that number, as an integer or a real one.
bool is_number(const ir::Arg& a, double number);

// The name that packed operators give the activation that `node` computes of its first argument, with
// no other operand ("relu", "gelu", ...); empty where it is none.
std::string_view activation_of(const ir::Node& node);

// Operators of sub-graphs, which lowering inlines.
bool is_control_flow(const ir::Node& node);

// A constant of the graph with its data; null where `v` is none, or is state.
const ir::Constant* constant_of(const ir::Graph& graph, ir::ValueId v);

// Whether `v` is a constant, all bytes of which are 0.
bool is_zeros(const ir::Graph& graph, ir::ValueId v);

}  // namespace portfire::passes
