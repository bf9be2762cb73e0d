// The instructions of a `.pte`'s method, as a graph.
//
// A program writes results into planned memory, where one tensor may stand for another (views that were left out when memory was planned lie
// where their source lies) and where state is what is read before anything was written. So the importer follows memory: what each place
// holds is a value of the graph, and reading a tensor is finding the value in its place. Forward jumps become `portfire::cond`, ExecuTorch's
// loops over rows `portfire::scan`; delegates become the operators that they stand for.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/import/pte_file.h"
#include "compiler/ir/builder.h"
#include "ops/out_variants.h"

namespace portfire::import {

// Bytes of a planned buffer.
struct Place {
  uint32_t buffer = 0;
  uint64_t begin = 0, end = 0;
  bool overlaps(const Place& other) const { return buffer == other.buffer && begin < other.end && other.begin < end; }
  friend bool operator==(const Place&, const Place&) = default;
};

class PlanImporter {
 public:
  // `sizes`: of each tensor among the inputs, in their order, as the graph is to see them.
  PlanImporter(std::shared_ptr<const PteFile> file, const pte::ExecutionPlan& plan, std::vector<std::vector<ir::Dim>> sizes);
  // Once. Throws ir::Refusal. Symbols and the checks of sizes are added by `prologue`, which runs after the inputs are defined.
  template <class F>
  ir::Graph import(F prologue) {
    begin();
    prologue(root_.build, root_.graph);
    return finish();
  }
  ir::Graph import() {
    return import([](ir::Builder&, ir::Graph&) {});
  }

 private:
  struct Scope;
  // A value, or a plain number, and the graph that it belongs to.
  struct Known {
    ir::Arg arg;
    Scope* scope = nullptr;
    friend bool operator==(const Known&, const Known&) = default;
  };
  struct Held {
    Place place;
    uint32_t tensor = 0;  // as which it was written
    Known value;
  };
  // A graph under construction: the method's, or a sub-graph's.
  struct Scope {
    explicit Scope(Scope* outer) : outer(outer), build(&graph) {}
    Scope* outer;
    ir::Graph graph;
    ir::Builder build;
    std::map<uint32_t, Known> values;        // by index: numbers that were computed, tensors without planned memory
    std::vector<Held> memory;                // none overlaps another
    std::map<uint32_t, ir::ValueId> constants;
    std::vector<std::pair<Known, ir::ValueId>> captured;  // values of outer graphs, and the inputs that stand for them
  };
  struct State {
    uint32_t tensor;
    size_t buffer;  // index into the graph's
    Known initial;
  };
  using Range = std::pair<uint32_t, uint32_t>;  // instructions, the second not included

  void begin();
  ir::Graph finish();
  // --- values (pte_values.cc) ---
  const pte::EValue& value(uint32_t v) const { return *plan_.values()->Get(v); }
  const pte::Tensor* tensor(uint32_t v) const { return value(v).val_as_Tensor(); }
  static std::optional<Place> place_of(const pte::Tensor& t);
  ir::Type type_of(const pte::Tensor& t) const;
  std::string name_of(uint32_t v) const;
  ir::Arg use(Scope& s, const Known& known);
  ir::Tensor read(Scope& s, uint32_t v);
  ir::Tensor read_place(Scope& s, uint32_t v, const Place& place);
  ir::Tensor reinterpret(Scope& s, ir::Tensor held, const pte::Tensor& from, const pte::Tensor& to, uint64_t skip);
  ir::Tensor constant(Scope& s, uint32_t v);
  Known new_state(Scope& s, uint32_t v, const Place& place);
  ir::Arg number(Scope& s, uint32_t v);
  ir::Arg argument(Scope& s, uint32_t v, std::string_view type);
  void write(Scope& s, uint32_t v, ir::Tensor t);
  void hold(Scope& s, uint32_t v, const ir::Arg& arg);
  std::vector<uint32_t> items(uint32_t v) const;  // of a list of tensors, or the one tensor
  // --- instructions (pte_graph.cc) ---
  void run(Scope& s, Range range);
  void call(Scope& s, const pte::KernelCall& call);
  std::optional<uint32_t> sliced_length(Scope& s, uint32_t start, uint32_t end, uint32_t out);
  std::vector<ir::Arg> arguments(Scope& s, const ops::OutVariant& form, const ir::Schema& schema, const std::vector<uint32_t>& args, uint32_t out);
  bool prim(Scope& s, const std::string& name, const std::vector<uint32_t>& args);
  bool copy(Scope& s, const std::string& name, const std::vector<uint32_t>& args);
  void move(Scope& s, const pte::MoveCall& call);
  void set_origin(Scope& s, uint32_t instruction);
  std::string operator_name(const pte::KernelCall& call) const;
  // --- delegates (pte_delegate.cc) ---
  void delegate(Scope& s, const pte::DelegateCall& call);
  std::span<const std::byte> bytes_of(const pte::BackendDelegate& d) const;
  // --- control flow (pte_control.cc) ---
  // Imports the structure that begins at `pc`; the instruction after it.
  uint32_t choose(Scope& s, uint32_t pc, uint32_t end);
  uint32_t loop(Scope& s, uint32_t top, uint32_t back);
  // Jumps back: where to, and where from.
  static std::set<std::pair<uint32_t, uint32_t>> back_edges(const pte::ExecutionPlan& plan);
  // The last one to `top` that stands before `end`.
  std::optional<uint32_t> back_edge_to(uint32_t top, uint32_t end) const;
  std::vector<bool> used_from(uint32_t instruction) const;
  const pte::Instruction& instruction(uint32_t i) const { return *plan_.chains()->Get(0)->instructions()->Get(i); }

  std::shared_ptr<const PteFile> file_;
  const pte::ExecutionPlan& plan_;
  const std::set<std::pair<uint32_t, uint32_t>> back_edges_ = back_edges(plan_);
  std::vector<std::vector<ir::Dim>> sizes_;
  Scope root_{nullptr};
  std::vector<State> states_;
  std::map<uint32_t, std::pair<uint32_t, uint32_t>> sums_;  // numbers that are sums: of which values
  std::vector<std::pair<uint32_t, Known>> inputs_;  // tensors in the caller's memory
  std::vector<State> unplanned_;                    // likewise, that no caller of ours gives: they are known by their names
};

}  // namespace portfire::import
