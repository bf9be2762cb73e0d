// What the host knows of an operator beyond the device: its parsed schema and its decomposition.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ops/op.h"

namespace portfire::ir {

class Builder;
class Gradient;

struct SchemaArg {
  std::string type;           // "Tensor", "Tensor?", "int", "SymInt[2]", "ScalarType?", ...
  std::string name;
  std::string default_text;   // as written; empty where there is none
  bool has_default = false;
  bool keyword_only = false;
  bool aliases = false;       // "Tensor(a)": the result is a view of it
  bool written = false;       // "Tensor(a!)": an in-place or out operand
};
struct Schema {
  std::string name;           // "aten::add.Tensor"
  std::vector<SchemaArg> args;
  std::vector<std::string> returns;  // types
  // -1 where there is none of that name.
  int index_of(std::string_view arg) const;
};
Schema parse_schema(std::string_view text);

using DecomposeFn = void (*)(Builder&);
using WholeFn = bool (*)(Builder&);
using GradientFn = void (*)(Gradient&);

struct OpInfo {
  std::string_view name;      // "aten::add.Tensor"
  Schema schema;
  const Op* op = nullptr;     // null for composites: there is nothing to run
  DecomposeFn decompose = nullptr;
  WholeFn whole = nullptr;    // whether a call with these arguments stays; null: always
  GradientFn gradient = nullptr;  // null: that of its decomposition, or none
  std::string_view gradient_without;  // the rule has none for this argument: where one is wanted, that of the decomposition
  bool is_view() const { return op && op->view; }
};

// By qualified name; null where there is none. The table is built on first use and never changes.
const OpInfo* find_op_info(std::string_view name);
// All operators, sorted by name.
const std::vector<const OpInfo*>& all_op_infos();

// Filled by generated code: one entry for each struct in ops/.
struct HostOp {
  std::string_view schema;
  DecomposeFn decompose;
  WholeFn whole;
  GradientFn gradient;
  std::string_view gradient_without;
};
struct HostOpTable {
  const HostOp* ops;
  size_t count;
};
std::span<const HostOpTable> host_op_tables();

template <class T>
constexpr HostOp make_host_op() {
  HostOp h{T::schema, nullptr, nullptr, nullptr, {}};
  if constexpr (requires { T::template decompose<Builder>; }) h.decompose = &T::template decompose<Builder>;
  if constexpr (requires { T::template whole<Builder>; }) h.whole = &T::template whole<Builder>;
  if constexpr (requires { T::template gradient<Gradient>; }) h.gradient = &T::template gradient<Gradient>;
  if constexpr (requires { T::gradient_without; }) h.gradient_without = T::gradient_without;
  return h;
}
template <class... T>
constexpr auto make_host_table(OpList<T...>) {
  struct {
    HostOp ops[sizeof...(T) ? sizeof...(T) : 1];
    size_t count = sizeof...(T);
  } table{{make_host_op<T>()...}};
  return table;
}

}  // namespace portfire::ir
