// The graph: SSA, ATen-level, typed. A plain value that passes take and give back.
//
// - A Value is defined once: by a graph input, a constant, or a node. Nodes stand in order of
//   execution. Every operand is defined before its use (compiler/ir/verify.h checks).
// - Arguments follow the operator's schema, all of them, defaults materialised. dtypes, layouts and
//   memory formats are integers with PyTorch's numbers.
// - Views are nodes whose result aliases their first argument. Mutation is explicit: only
//   `aten::copy_` may write to an existing value, and no pass after `functionalise` sees one except
//   the state updates that the planner makes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "compiler/ir/op_info.h"
#include "compiler/ir/type.h"

namespace portfire::ir {

using ValueId = uint32_t;
inline constexpr ValueId kNoValue = UINT32_MAX;

struct Graph;

struct Ref {
  ValueId id = kNoValue;
  friend bool operator==(const Ref&, const Ref&) = default;
};

// One argument. Lists hold Args: ints that may be Refs to integers, tensors that may be None.
struct Arg {
  using List = std::vector<Arg>;
  std::variant<std::monostate, Ref, bool, int64_t, double, std::string, List, std::shared_ptr<Graph>> v;

  Arg() = default;
  Arg(std::nullptr_t) {}                              // NOLINT: None
  Arg(Ref r) : v(r) {}                                // NOLINT
  Arg(bool b) : v(b) {}                               // NOLINT
  Arg(int i) : v(int64_t{i}) {}                       // NOLINT
  Arg(int64_t i) : v(i) {}                            // NOLINT
  Arg(size_t i) : v(static_cast<int64_t>(i)) {}       // NOLINT
  Arg(DType t) : v(static_cast<int64_t>(t)) {}        // NOLINT
  Arg(double d) : v(d) {}                             // NOLINT
  Arg(const char* s) : v(std::string(s)) {}           // NOLINT
  Arg(std::string s) : v(std::move(s)) {}             // NOLINT
  Arg(List l) : v(std::move(l)) {}                    // NOLINT
  Arg(std::shared_ptr<Graph> g) : v(std::move(g)) {}  // NOLINT

  bool none() const { return v.index() == 0; }
  const Ref* ref() const { return std::get_if<Ref>(&v); }
  const List* list() const { return std::get_if<List>(&v); }
  const int64_t* integer() const { return std::get_if<int64_t>(&v); }
  const double* real() const { return std::get_if<double>(&v); }
  const bool* boolean() const { return std::get_if<bool>(&v); }
  const std::string* string() const { return std::get_if<std::string>(&v); }
  const std::shared_ptr<Graph>* graph() const { return std::get_if<std::shared_ptr<Graph>>(&v); }
  friend bool operator==(const Arg&, const Arg&) = default;
};

// Raw bytes of a constant, row-major contiguous. They point into the mapped archive (kept alive by
// `owner`) or into memory that `owner` holds. Tied weights share one Constant.
struct Constant {
  const void* data = nullptr;
  size_t bytes = 0;
  std::shared_ptr<const void> owner;
};

// Values whose names begin so are gradients of the parameters that are named behind.
inline constexpr std::string_view kGradientOf = "gradient of ";

struct ValueInfo {
  Type type;
  std::string name;                          // for people: the exporter's, or the operator's
  std::shared_ptr<const Constant> constant;  // set for constants, and initial values of state
};

struct Node {
  const OpInfo* op = nullptr;
  std::vector<Arg> args;
  std::vector<ValueId> outs;
  uint32_t origin = 0;  // index into Graph::origins
};

struct Input {
  ValueId value = kNoValue;
  std::string name;  // path in the caller's structure ("x", "batch['ids']")
};
// What a piece of state is for. Text and program files know them by these names.
#define PF_ROLES(X) X(buffer) X(parameter) X(optimizer) X(hyperparameter)
enum class Role : uint8_t {
#define X(name) name,
  PF_ROLES(X)
#undef X
};
constexpr const char* name_of(Role r) {
  switch (r) {
#define X(name) \
  case Role::name: return #name;
    PF_ROLES(X)
#undef X
  }
  return "?";
}
// State: memory that a call may change and the next call sees. Its initial content is its value's constant; shared state
// without one begins as zeros.
struct Buffer {
  ValueId value = kNoValue;  // read at the start of a call
  std::string name;          // fully qualified
  ValueId update = kNoValue; // value it takes at the end of a call; kNoValue: unchanged
  Role role = Role::buffer;
  bool shared = false;       // with other methods of the program, by name: it is state even where this graph only reads it
};
struct Output {
  ValueId value = kNoValue;
  std::string name;
  Arg literal;             // used where value is kNoValue: a plain number or None
};
// A user input whose memory receives a new value at the end of a call.
struct InputMutation {
  size_t input = 0;
  ValueId value = kNoValue;
};

// A free symbol of the export and the sizes it may take.
struct Symbol {
  std::string name;
  int64_t lower = 0, upper = INT64_MAX;  // INT64_MAX: no bound given
  Dim samples;
};

// Where in the user's program a node comes from.
struct Origin {
  std::string line;    // "model.py:41"
  std::string module;  // "encoder.layer.0.attention"
  std::string code;    // the source line itself, where the export kept it
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct Graph {
  std::string name = "forward";
  std::vector<ValueInfo> values;
  std::vector<Node> nodes;
  std::vector<Input> inputs;
  std::vector<Buffer> buffers;
  std::vector<Output> outputs;
  std::vector<InputMutation> input_mutations;
  std::vector<Symbol> symbols;
  std::vector<Origin> origins{{}};
  std::string input_structure, output_structure;  // the export's pytree specs, for inspect

  const Type& type(ValueId id) const { return values[id].type; }
  ValueId add_value(Type type, std::string name) {
    values.push_back({std::move(type), std::move(name), nullptr});
    return static_cast<ValueId>(values.size() - 1);
  }
};

// Calls f(ValueId) for every value an argument mentions (sub-graphs excluded: they take theirs
// through operands).
template <class F>
void for_each_ref(const Arg& arg, F&& f) {
  if (const Ref* r = arg.ref()) f(r->id);
  if (const Arg::List* l = arg.list())
    for (const Arg& a : *l) for_each_ref(a, f);
}
template <class F>
void for_each_ref(const Node& node, F&& f) {
  for (const Arg& a : node.args) for_each_ref(a, f);
}

}  // namespace portfire::ir
