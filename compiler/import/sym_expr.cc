#include "compiler/import/sym_expr.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace portfire::import {
namespace {

constexpr int kMaxDepth = 64;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<SymExpr> parse() {
    SymExpr e;
    PF_TRY(expression(&e, 0));
    skip();
    if (at_ != text_.size()) return wrong("unexpected text after it");
    return e;
  }

 private:
  Error wrong(const char* what) const {
    return Error::make(Code::bad_file, "symbolic size \"%.*s\": %s", static_cast<int>(std::min<size_t>(text_.size(), 120)),
                       text_.data(), what);
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string word() {
    skip();
    const size_t from = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_' || text_[at_] == '.'))
      ++at_;
    return std::string(text_.substr(from, at_ - from));
  }
  std::string quoted() {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return {};
    const char quote = text_[at_++];
    const size_t from = at_;
    while (at_ < text_.size() && text_[at_] != quote) ++at_;
    std::string s(text_.substr(from, at_ - from));
    if (at_ < text_.size()) ++at_;
    return s;
  }
  // Up to the closing parenthesis of the present call: keyword arguments such as integer=True.
  Error rest_of_call() {
    for (int depth = 1; at_ < text_.size(); ++at_) {
      if (text_[at_] == '(') ++depth;
      if (text_[at_] == ')' && --depth == 0) {
        ++at_;
        return {};
      }
    }
    return wrong("no closing parenthesis");
  }

  Error expression(SymExpr* e, int depth) {
    if (depth > kMaxDepth) return wrong("nested too deeply");
    skip();
    if (at_ < text_.size() && (text_[at_] == '-' || std::isdigit(static_cast<unsigned char>(text_[at_])))) {
      char* end;
      const std::string digits(text_.substr(at_, 40));
      e->number = std::strtoll(digits.c_str(), &end, 10);
      at_ += static_cast<size_t>(end - digits.c_str());
      return end == digits.c_str() ? wrong("not a number") : Error();
    }
    const std::string name = word();
    if (name.empty()) return wrong("expected a name");
    if (!take('(')) {
      if (name == "oo" || name == "int_oo") {
        e->number = INT64_MAX;
        return {};
      }
      e->kind = SymExpr::Kind::symbol;  // str() of a lone symbol
      e->name = name;
      return {};
    }
    if (name == "Symbol" || name == "Dummy") {
      e->kind = SymExpr::Kind::symbol;
      e->name = quoted();
      if (e->name.empty()) return wrong("a symbol without a name");
      return rest_of_call();
    }
    if (name == "Float") {
      e->kind = SymExpr::Kind::real;
      e->real = std::strtod(quoted().c_str(), nullptr);
      return rest_of_call();
    }
    if (name == "Integer") {
      PF_TRY(expression(e, depth + 1));
      return rest_of_call();
    }
    e->kind = SymExpr::Kind::call;
    e->name = name.substr(name.rfind('.') + 1);
    if (take(')')) return {};
    do {
      PF_TRY(expression(&e->args.emplace_back(), depth + 1));
    } while (take(','));
    return take(')') ? Error() : wrong("no closing parenthesis");
  }

  std::string_view text_;
  size_t at_ = 0;
};

double floor_mod(double a, double b) { return a - b * std::floor(a / b); }

}  // namespace

Result<SymExpr> parse_sym_expr(std::string_view text) { return Parser(text).parse(); }

Result<double> evaluate(const SymExpr& e, const std::function<double(const std::string&)>& symbol) {
  switch (e.kind) {
    case SymExpr::Kind::number: return static_cast<double>(e.number);
    case SymExpr::Kind::real: return e.real;
    case SymExpr::Kind::symbol: return symbol(e.name);
    case SymExpr::Kind::call: break;
  }
  std::vector<double> a;
  for (const SymExpr& arg : e.args) {
    PF_ASSIGN(double v, evaluate(arg, symbol));
    a.push_back(v);
  }
  const std::string& f = e.name;
  auto fold = [&](auto op) {
    double r = a.empty() ? 0 : a[0];
    for (size_t i = 1; i < a.size(); ++i) r = op(r, a[i]);
    return r;
  };
  if (f == "Add") return fold([](double x, double y) { return x + y; });
  if (f == "Mul") return fold([](double x, double y) { return x * y; });
  if (f == "Max") return fold([](double x, double y) { return std::max(x, y); });
  if (f == "Min") return fold([](double x, double y) { return std::min(x, y); });
  if (f == "And") return fold([](double x, double y) { return x != 0 && y != 0; });
  if (f == "Or") return fold([](double x, double y) { return x != 0 || y != 0; });
  if (a.size() == 1) {
    if (f == "CeilToInt" || f == "ceiling") return std::ceil(a[0]);
    if (f == "FloorToInt" || f == "floor") return std::floor(a[0]);
    if (f == "TruncToInt" || f == "TruncToFloat") return std::trunc(a[0]);
    if (f == "RoundToInt") return std::nearbyint(a[0]);
    if (f == "ToFloat" || f == "Identity") return a[0];
    if (f == "Abs") return std::fabs(a[0]);
    if (f == "Not") return a[0] == 0;
    if (f == "OpaqueUnaryFn_sqrt" || f == "sqrt") return std::sqrt(a[0]);
  }
  if (a.size() == 2) {
    const bool by_zero = a[1] == 0;
    if ((f == "FloorDiv" || f == "CleanDiv") && !by_zero) return std::floor(a[0] / a[1]);
    if (f == "CeilDiv" && !by_zero) return std::ceil(a[0] / a[1]);
    if ((f == "Mod" || f == "PythonMod") && !by_zero) return floor_mod(a[0], a[1]);
    if ((f == "IntTrueDiv" || f == "FloatTrueDiv" || f == "Rational") && !by_zero) return a[0] / a[1];
    if (f == "Pow" || f == "PowByNatural" || f == "FloatPow") return std::pow(a[0], a[1]);
    if (f == "LShift") return a[0] * std::pow(2, a[1]);
    if (f == "RShift") return std::floor(a[0] / std::pow(2, a[1]));
    if (f == "Equality" || f == "Eq") return a[0] == a[1];
    if (f == "Unequality" || f == "Ne") return a[0] != a[1];
    if (f == "StrictLessThan" || f == "Lt") return a[0] < a[1];
    if (f == "LessThan" || f == "Le") return a[0] <= a[1];
    if (f == "StrictGreaterThan" || f == "Gt") return a[0] > a[1];
    if (f == "GreaterThan" || f == "Ge") return a[0] >= a[1];
  }
  if (a.size() == 3) {
    if (f == "ModularIndexing" && a[1] != 0 && a[2] != 0) return floor_mod(std::floor(a[0] / a[1]), a[2]);
    if (f == "Where") return a[0] != 0 ? a[1] : a[2];
  }
  return Error::make(Code::unsupported, "symbolic size: cannot evaluate %s of %zu arguments", f.c_str(), a.size());
}

void collect_symbols(const SymExpr& e, std::vector<std::string>* out) {
  if (e.kind == SymExpr::Kind::symbol && std::find(out->begin(), out->end(), e.name) == out->end()) out->push_back(e.name);
  for (const SymExpr& a : e.args) collect_symbols(a, out);
}

}  // namespace portfire::import
