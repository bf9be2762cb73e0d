#include "compiler/import/pt2_types.h"

#include <cmath>

#include "compiler/ir/builder.h"

namespace portfire::import {

using ir::Refusal;

std::string to_text(Json string) { return std::string(std::string_view(string)); }

std::string text_or_empty(Json object, const char* key) {
  std::string_view s;
  return object[key].get(s) ? std::string() : std::string(s);
}

DType dtype_of(int64_t id) {
  switch (id) {
    case 1: return DType::u8;
    case 2: return DType::i8;
    case 3: return DType::i16;
    case 4: return DType::i32;
    case 5: return DType::i64;
    case 6: return DType::f16;
    case 7: return DType::f32;
    case 8: return DType::f64;
    case 10: return DType::c64;
    case 11: return DType::c128;
    case 12: return DType::boolean;
    case 13: return DType::bf16;
    case 28: return DType::u16;
    case 34: return DType::u32;
    case 35: return DType::u64;
  }
  throw Refusal{Code::unsupported, "dtype number " + std::to_string(id) + " of the archive is not supported"};
}

int64_t memory_format_of(int64_t id) {
  switch (id) {
    case 1: return 0;  // contiguous
    case 2: return 2;  // channels_last
    case 3: return 3;  // channels_last_3d
    default: return 1;  // preserve
  }
}

void Symbols::read(Json program) {
  simdjson::dom::object ranges;
  if (program["range_constraints"].get(ranges)) return;
  for (auto [name, range] : ranges) {
    int64_t lower = 0, upper = INT64_MAX;
    if (range["min_val"].get(lower)) lower = 0;
    if (range["max_val"].get(upper)) upper = INT64_MAX;
    ranges_[std::string(name)] = {lower, upper};
  }
}

namespace {

// A fixed function of its inputs, so that two runs of the compiler agree (splitmix64).
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

ir::Symbol& Symbols::symbol(const std::string& name) {
  for (ir::Symbol& s : symbols_)
    if (s.name == name) return s;
  ir::Symbol s;
  s.name = name;
  const bool unbacked = !name.empty() && name[0] == 'u';
  if (auto it = ranges_.find(name); it != ranges_.end()) {
    s.lower = it->second.first;
    s.upper = it->second.second;
  }
  if (s.lower < 0 && !unbacked) s.lower = 0;
  // Without a bound the compiler still needs numbers to reason with: a span of a few thousand.
  // The export took a symbol of an input to be neither 0 nor 1, which broadcast and have no shape of -1.
  const int64_t least = unbacked ? std::max<int64_t>(s.lower, 0) : std::max<int64_t>(s.lower, 2);
  const int64_t low = std::min(least, s.upper);
  const int64_t high = s.upper >= kUnbounded ? low + 2048 + static_cast<int64_t>(symbols_.size()) * 64 : s.upper;
  const int64_t span = high - low + 1;
  s.samples.at[0] = high;
  s.samples.at[1] = low;
  uint64_t seed = 17;
  for (char c : name) seed = mix(seed ^ static_cast<uint64_t>(c));
  for (int k = 2; k < ir::kAssignments; ++k)
    s.samples.at[k] = low + static_cast<int64_t>(mix(seed + static_cast<uint64_t>(k)) % static_cast<uint64_t>(span));
  symbols_.push_back(s);
  return symbols_.back();
}

ir::Symbol& Symbols::define(const std::string& name, int64_t lower, int64_t upper) {
  ranges_.try_emplace(name, lower, upper);
  return symbol(name);
}

const SymExpr& Symbols::parsed(std::string_view text) {
  auto it = expressions_.find(text);
  if (it == expressions_.end()) {
    Result<SymExpr> e = parse_sym_expr(text);
    if (!e.ok()) throw Refusal{e.error().code(), e.error().text()};
    it = expressions_.emplace(std::string(text), *std::move(e)).first;
  }
  return it->second;
}

const SymExpr* Symbols::expression(Json sym_int) {
  Json e;
  if (sym_int["as_expr"].get(e)) return nullptr;
  const SymExpr& parsed_expr = parsed(std::string_view(e["expr_str"]));
  return parsed_expr.kind == SymExpr::Kind::number ? nullptr : &parsed_expr;
}

bool Symbols::unbounded(const SymExpr& e) {
  std::vector<std::string> names;
  collect_symbols(e, &names);
  for (const std::string& n : names)
    if (symbol(n).upper >= kUnbounded) return true;
  return false;
}

std::array<double, ir::kAssignments> Symbols::real(Json sym) {
  std::array<double, ir::kAssignments> out{};
  double fixed = 0;
  int64_t whole = 0;
  bool truth = false;
  if (!sym["as_float"].get(fixed)) {
    out.fill(fixed);
  } else if (!sym["as_int"].get(whole)) {
    out.fill(static_cast<double>(whole));
  } else if (!sym["as_bool"].get(truth)) {
    out.fill(truth);
  } else {
    const SymExpr& e = parsed(std::string_view(sym["as_expr"]["expr_str"]));
    for (int k = 0; k < ir::kAssignments; ++k) {
      Result<double> v = evaluate(e, [&](const std::string& n) { return static_cast<double>(symbol(n).samples.at[k]); });
      if (!v.ok()) throw Refusal{v.error().code(), v.error().text()};
      out[k] = *v;
    }
  }
  return out;
}

ir::Dim Symbols::dim(Json sym_int) {
  int64_t fixed;
  if (!sym_int["as_int"].get(fixed)) return fixed;
  const auto values = real(sym_int);
  for (double v : values)
    if (!(std::fabs(v) < 0x1p53)) throw Refusal{Code::bad_file, "a symbolic size is no whole number"};
  ir::Dim d;
  for (int k = 0; k < ir::kAssignments; ++k) d.at[k] = static_cast<int64_t>(values[k]);
  return d;
}

ir::Type tensor_type(Json meta, Symbols& symbols) {
  std::vector<ir::Dim> sizes;
  bool unbounded = false;
  for (Json s : simdjson::dom::array(meta["sizes"])) {
    sizes.push_back(symbols.dim(s));
    if (const SymExpr* e = symbols.expression(s)) unbounded |= symbols.unbounded(*e);
  }
  if (sizes.size() > kMaxRank)
    throw Refusal{Code::unsupported, "a tensor of rank " + std::to_string(sizes.size()) + " (at most " +
                                         std::to_string(kMaxRank) + " is supported)"};
  const DType dtype = dtype_of(int64_t(meta["dtype"]));
  for (int k = 0; k < ir::kAssignments; ++k) {
    Shape shape;
    for (const ir::Dim& d : sizes) shape.push(d.at[k]);
    int64_t bytes;
    if (!checked_bytes(dtype, shape, &bytes)) throw Refusal{Code::bad_file, "a tensor of impossible sizes " + std::string(TypeText(dtype, shape).c_str())};
  }
  ir::Type t = ir::Type::tensor(dtype, std::move(sizes));
  t.unbounded = unbounded;
  return t;
}

}  // namespace portfire::import
