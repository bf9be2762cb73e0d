// Reading types out of a `.pt2`'s JSON: dtypes, tensor metadata, symbols.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <simdjson.h>

#include "compiler/import/sym_expr.h"
#include "compiler/ir/graph.h"

namespace portfire::import {

using Json = simdjson::dom::element;

// The archive's number of a dtype (torch._export.serde ScalarType); refuses those we have not.
DType dtype_of(int64_t id);
// c10 numbers of a memory format and back-end neutral layout.
int64_t memory_format_of(int64_t id);

// The symbols of a program and the values they take under each assignment.
class Symbols {
 public:
  // Fills ranges and hints from `range_constraints`.
  void read(Json program);
  // Of an expression such as {"as_int": 3} or {"as_expr": {"expr_str": ..., "hint": ...}}.
  ir::Dim dim(Json sym_int);
  std::array<double, ir::kAssignments> real(Json sym_float);
  // Null where `sym_int` is a plain number.
  const SymExpr* expression(Json sym_int);
  ir::Symbol& symbol(const std::string& name);
  // The symbol of that name, which is new with this range where there is none.
  ir::Symbol& define(const std::string& name, int64_t lower, int64_t upper);
  bool unbounded(const SymExpr& e);
  // In order of appearance.
  const std::vector<ir::Symbol>& all() const { return symbols_; }
  // Sizes at or above this are taken as having no bound worth planning for.
  static constexpr int64_t kUnbounded = int64_t{1} << 24;

 private:
  const SymExpr& parsed(std::string_view text);
  std::vector<ir::Symbol> symbols_;
  std::map<std::string, std::pair<int64_t, int64_t>> ranges_;
  std::map<std::string, SymExpr, std::less<>> expressions_;
};

ir::Type tensor_type(Json meta, Symbols& symbols);

// The text at `key`; empty where absent.
std::string text_or_empty(Json object, const char* key);
std::string to_text(Json string);

}  // namespace portfire::import
