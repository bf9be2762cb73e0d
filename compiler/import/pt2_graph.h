// The nodes of a `.pt2`'s graph and its sub-graphs.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/import/pt2_types.h"
#include "compiler/ir/builder.h"

namespace portfire::import {

// "torch.ops.aten.add.Tensor" -> "aten::add.Tensor", ".default" dropped.
std::string qualified(std::string_view target);

class GraphImporter {
 public:
  GraphImporter(ir::Graph* graph, Symbols& symbols) : graph_(*graph), build_(graph), symbols_(symbols) {}

  // Notes the types that `body` (a Graph of the archive) gives for its values.
  void read_types(Json body);
  ir::Type type_of(const std::string& name) const;

  void define(const std::string& name, ir::ValueId id) { values_[name] = id; }
  ir::ValueId value(const std::string& name) const;  // refuses an undefined name
  // A user input: its sizes define symbols or are checked against them.
  void note_input(const std::string& name, ir::ValueId id) { inputs_.emplace_back(name, id); }
  // Appends the checks of input sizes. After the inputs, before the nodes.
  void check_symbols();
  void nodes(Json body);
  // An Argument of the archive; `type` is the schema's, which a few kinds need.
  ir::Arg argument(Json arg, std::string_view type);

 private:
  struct InputDim {
    ir::ValueId input;
    int dim;
    const SymExpr* expression;
    std::string what;
  };
  void node(Json n);
  bool symbolic(Json n, std::string_view target);
  bool higher_order(Json n, std::string_view target);
  void aten(Json n, std::string_view target);
  void autocast(const ir::OpInfo& op, const std::vector<ir::Type>& results, std::vector<ir::Arg>& args);
  void inline_graph(Json graph_argument, const std::vector<ir::Arg>& operands, Json n);
  void detach_outputs(Json n);
  void writing(Json n, const ir::OpInfo& op, const ir::OpInfo& twin);
  void auto_functionalized(Json n);
  std::shared_ptr<ir::Graph> sub_graph(Json graph_argument);
  // `out` receives the operand of an out= form, which the operator's schema does not have.
  std::vector<ir::Arg> arguments(Json n, const ir::OpInfo& op, ir::Arg* out);
  std::vector<std::string> output_names(Json n) const;
  void bind_outputs(Json n, const std::vector<ir::ValueId>& ids);
  uint32_t origin(Json n);
  bool solve(const InputDim& d, std::unordered_map<std::string, ir::Int>* known);
  ir::Int emit(const SymExpr& e, const std::unordered_map<std::string, ir::Int>& known);

  ir::Graph& graph_;
  ir::Builder build_;
  Symbols& symbols_;
  std::unordered_map<std::string, ir::ValueId> values_;
  std::unordered_map<std::string, ir::Type> types_;
  std::vector<std::pair<std::string, ir::ValueId>> inputs_;
  Json body_;
  bool autocast_ = false;  // inside a region whose casts are implicit
};

}  // namespace portfire::import
