#include "compiler/ir/text.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "compiler/ir/constant_text.h"
#include "compiler/ir/default_args.h"

namespace portfire::ir {
namespace {

using Symbols = std::vector<Symbol>;

// `dim` as "s77", "2*s77", "s77+1" or "2*s77-1" where it is that under every assignment; else empty.
std::string linear_form(const Dim& dim, const Symbol& symbol) {
  const auto& s = symbol.samples.at;
  if (s[0] == s[1]) return {};
  constexpr __int128 kLarge = int64_t{1} << 40;
  const __int128 a = (__int128{dim.at[0]} - dim.at[1]) / (__int128{s[0]} - s[1]);
  if (a == 0 || a > kLarge || a < -kLarge) return {};
  const __int128 b = dim.at[0] - a * s[0];
  if (b > kLarge || b < -kLarge) return {};
  for (int k = 0; k < kAssignments; ++k)
    if (a * s[k] + b != dim.at[k]) return {};
  const auto factor = static_cast<int64_t>(a), offset = static_cast<int64_t>(b);
  return (factor == 1 ? "" : fmt::format("{}*", factor)) + symbol.name + (offset ? fmt::format("{:+}", offset) : "");
}

std::string dim_text(const Dim& dim, const Symbols& symbols) {
  if (dim.is_static()) return std::to_string(dim.at[0]);
  std::string best;
  for (const Symbol& s : symbols)
    if (std::string form = linear_form(dim, s); !form.empty() && (best.empty() || form.size() < best.size())) best = form;
  return best.empty() ? fmt::format("{{{}}}", fmt::join(dim.at, ", ")) : best;
}

std::string dims_text(const std::vector<Dim>& dims, const Symbols& symbols) {
  std::string s;
  for (const Dim& d : dims) s += (s.empty() ? "" : ",") + dim_text(d, symbols);
  return s;
}

std::string type_text(const Type& t, const Symbols& symbols) {
  std::string s;
  switch (t.kind) {
    case Type::Kind::none: return "none";
    case Type::Kind::boolean: s = "bool " + dim_text(t.number, symbols); break;
    case Type::Kind::integer: s = "int " + dim_text(t.number, symbols); break;
    case Type::Kind::real: {
      std::vector<std::string> values;
      for (double r : t.real) values.push_back(real_text(r));
      const bool same = std::all_of(values.begin(), values.end(), [&](const std::string& v) { return v == values[0]; });
      s = same ? "float " + values[0] : fmt::format("float {{{}}}", fmt::join(values, ", "));
      break;
    }
    case Type::Kind::tensor:
      s = fmt::format("{}[{}]", name_of(t.dtype), dims_text(t.sizes, symbols));
      if (!t.strides.empty()) s += "{" + dims_text(t.strides, symbols) + "}";
      break;
  }
  return t.unbounded ? s + "*" : s;
}

bool is_plain(std::string_view name) {
  for (char c : name)
    if (!isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') return false;
  return true;
}
std::string name_text(const std::string& name) {
  return is_plain(name) && !name.empty() && !isdigit(static_cast<unsigned char>(name[0])) ? name : quoted(name);
}

// Free text up to the end of the line; `bar` escapes what separates the fields of `at`.
std::string raw(std::string_view text, bool bar = false) {
  std::string s;
  for (char c : text)
    if (c == '\n') s += "\\n";
    else if (c == '\r') s += "\\r";
    else if (c == '\\' || (bar && c == '|')) s += {'\\', c};
    else s += c;
  return s;
}

std::string origin_text(const Origin& o) {
  if (o == Origin()) return "at";
  std::string s = "at " + raw(o.line, true);
  if (!o.module.empty() || !o.code.empty()) s += " | " + raw(o.module, true);
  if (!o.code.empty()) s += " | " + raw(o.code, true);
  return s;
}

class Printer {
 public:
  Printer(const Graph& g, const TextOptions& options, const Symbols& symbols, std::string indent)
      : g_(g), options_(options), symbols_(symbols), indent_(std::move(indent)) {}

  std::string print() {
    out_ = "graph " + name_text(g_.name) + "\n";
    if (!g_.input_structure.empty()) line("takes " + raw(g_.input_structure));
    if (!g_.output_structure.empty()) line("gives " + raw(g_.output_structure));
    for (const Symbol& s : g_.symbols)
      line(fmt::format("symbol {} : {}..{} {{{}}}", name_text(s.name), s.lower, s.upper == INT64_MAX ? "" : std::to_string(s.upper),
                       fmt::join(s.samples.at, ", ")));
    for (const Input& i : g_.inputs) line("input " + definition(i.value) + path(i.name, i.value));
    values();
    for (const Node& n : g_.nodes) node(n);
    for (const Buffer& b : g_.buffers)
      if (b.update != kNoValue) line(fmt::format("update {} = {}", ref(b.value), ref(b.update)));
    for (const InputMutation& m : g_.input_mutations)
      line(fmt::format("update {} = {}", ref(g_.inputs[m.input].value), ref(m.value)));
    for (const Output& o : g_.outputs)
      line("output " + (o.value == kNoValue ? plain(o.literal) : ref(o.value)) + (o.name.empty() ? "" : " " + quoted(o.name)));
    return std::move(out_) + indent_ + "end";
  }

 private:
  void line(const std::string& text) { out_ += indent_ + "  " + text + "\n"; }

  std::string ref(ValueId v) const {
    const std::string& name = g_.values[v].name;
    return fmt::format("%{}{}{}", v, name.empty() ? "" : ":", name.empty() ? "" : is_plain(name) ? name : quoted(name));
  }
  std::string definition(ValueId v) const { return ref(v) + " : " + type_text(g_.type(v), symbols_); }
  std::string path(const std::string& name, ValueId v) const { return name == g_.values[v].name ? "" : " " + quoted(name); }

  // State and constants.
  void values() {
    std::vector<bool> is_state(g_.values.size());
    for (const Buffer& b : g_.buffers) {
      is_state[b.value] = true;
      const std::string role = b.role == Role::buffer ? "" : std::string(" ") + name_of(b.role);
      line("state " + definition(b.value) + path(b.name, b.value) + role + (b.shared ? " shared" : "") + (g_.values[b.value].constant ? " = " + bytes(b.value) : ""));
    }
    for (ValueId v = 0; v < g_.values.size(); ++v)
      if (g_.values[v].constant && !is_state[v]) line("constant " + definition(v) + " = " + bytes(v));
  }
  std::string bytes(ValueId v) {
    const Constant& c = *g_.values[v].constant;
    const auto [first, fresh] = known_bytes_.try_emplace({c.data, c.bytes}, v);
    if (!fresh) return fmt::format("%{}", first->second);
    if (numbers_in(g_.type(v)) <= options_.inline_elements) return constant_text(g_.type(v), c);
    return options_.place ? fmt::format("@{}", options_.place(c)) : "...";
  }

  void node(const Node& n) {
    if (const Origin& o = g_.origins[n.origin]; !(o == g_.origins[origin_])) line(origin_text(o));
    origin_ = n.origin;
    std::string s;
    for (ValueId v : n.outs) s += (s.empty() ? "" : ", ") + definition(v);
    s += (n.outs.empty() ? "" : " = ") + std::string(n.op->name) + "(";
    const bool broken = std::any_of(n.args.begin(), n.args.end(), [](const Arg& a) { return a.graph() != nullptr; });
    const std::string separator = broken ? "\n" + indent_ + "    " : " ";
    std::string list;
    bool named = false;
    for (size_t i = 0; i < n.args.size(); ++i) {
      const SchemaArg& schema = n.op->schema.args[i];
      std::string text = argument(n.args[i], schema.type);
      named |= schema.keyword_only || !by_position(n.args[i], schema);
      if (named && schema.has_default && text == argument(default_arg(schema), schema.type)) continue;
      if (!list.empty()) list += ",";
      if (!list.empty() || broken) list += separator;
      list += (named ? schema.name + "=" : "") + std::move(text);
    }
    line(s + list + ")");
  }
  static bool by_position(const Arg& a, const SchemaArg& schema) {
    return !a.none() && !schema.has_default && (schema.type.starts_with("Tensor") || schema.type == "Graph" || schema.type == "Scalar");
  }

  std::string argument(const Arg& a, const std::string& type) const {
    if (const int64_t* i = a.integer(); i && type.starts_with("ScalarType") && is_dtype(*i)) return name_of(static_cast<DType>(*i));
    if (a.graph()) return Printer(**a.graph(), options_, symbols_, indent_ + "    ").print();
    return plain(a);
  }
  std::string plain(const Arg& a) const {
    if (a.none()) return "None";
    if (a.ref()) return ref(a.ref()->id);
    if (a.boolean()) return *a.boolean() ? "True" : "False";
    if (a.integer()) return std::to_string(*a.integer());
    if (a.real()) return real_text(*a.real());
    if (a.string()) return quoted(*a.string());
    std::string s;
    for (const Arg& item : *a.list()) s += (s.empty() ? "" : ", ") + plain(item);
    return "[" + s + "]";
  }

  const Graph& g_;
  const TextOptions& options_;
  const Symbols& symbols_;  // of the outermost graph
  const std::string indent_;
  std::string out_;
  uint32_t origin_ = 0;
  std::map<std::pair<const void*, size_t>, ValueId> known_bytes_;
};

}  // namespace

std::string quoted(std::string_view text) {
  std::string s = "\"";
  for (char c : text)
    if (c == '"' || c == '\\') s += {'\\', c};
    else if (c == '\n') s += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) s += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else s += c;
  return s + '"';
}

std::string to_string(const Dim& dim, const std::vector<Symbol>& symbols) { return dim_text(dim, symbols); }
std::string to_string(const Dim& dim) { return dim_text(dim, {}); }
std::string to_string(const Type& type) { return type_text(type, {}); }

std::string to_text(const Graph& graph, const TextOptions& options) { return Printer(graph, options, graph.symbols, "").print() + "\n"; }

}  // namespace portfire::ir
