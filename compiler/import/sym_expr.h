// Symbolic sizes as torch.export writes them: sympy's srepr, for example
// "Add(Mul(Integer(2), Symbol('s77', positive=True, integer=True)), Integer(-1))".
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace portfire::import {

struct SymExpr {
  enum class Kind { number, real, symbol, call };
  Kind kind = Kind::number;
  int64_t number = 0;
  double real = 0;
  std::string name;  // of the symbol or the function
  std::vector<SymExpr> args;
};

Result<SymExpr> parse_sym_expr(std::string_view text);

// The value under an assignment of the symbols. Division by zero, overflow and unknown functions
// are errors. Reals are exact enough for sizes (IEEE double).
Result<double> evaluate(const SymExpr& e, const std::function<double(const std::string&)>& symbol);

// The names of the symbols in it.
void collect_symbols(const SymExpr& e, std::vector<std::string>* out);

}  // namespace portfire::import
