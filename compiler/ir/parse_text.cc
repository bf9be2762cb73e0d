#include "compiler/ir/parse_text.h"

#include <algorithm>
#include <map>
#include <optional>

#include "compiler/ir/builder.h"
#include "compiler/ir/constant_text.h"
#include "compiler/ir/default_args.h"
#include "compiler/ir/lexer.h"

namespace portfire::ir {
namespace {

using Kind = Token::Kind;
using Symbols = std::map<std::string, Dim>;

constexpr int64_t kMaxValues = 1 << 24;  // a mistyped number must not cost memory
constexpr int kMaxDepth = 64;

std::optional<DType> dtype_named(std::string_view name) {
#define X(dtype, id, bytes, text) \
  if (name == text) return DType::dtype;
  PF_DTYPES(X)
#undef X
  return std::nullopt;
}

// The fields of free text, separated by " | ", with \\ \| \n \r undone.
std::vector<std::string> fields_of(std::string_view text) {
  std::vector<std::string> fields(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == " | ") {
      fields.emplace_back();
      i += 2;
    } else if (text[i] == '\\' && i + 1 < text.size()) {
      const char c = text[++i];
      fields.back() += c == 'n' ? '\n' : c == 'r' ? '\r' : c;
    } else {
      fields.back() += text[i];
    }
  }
  return fields;
}

std::string unescaped(std::string_view text) {
  std::string s;
  for (const std::string& f : fields_of(text)) s += (s.empty() ? "" : " | ") + f;
  return s;
}

class Parser {
 public:
  Parser(Lexer& in, const ConstantBytes& constants, Symbols& symbols, int depth)
      : in_(in), constants_(constants), symbols_(symbols), depth_(depth) {
    if (depth > kMaxDepth) in_.error(in_.peek().line, "sub-graphs nest too deep");
  }

  Graph graph() {
    in_.expect("graph");
    g_.name = in_.name("the graph's name");
    while (!in_.take("end")) statement();
    return std::move(g_);
  }

 private:
  void statement() {
    if (in_.at("takes")) {
      g_.input_structure = unescaped(in_.rest_of_line());
    } else if (in_.at("gives")) {
      g_.output_structure = unescaped(in_.rest_of_line());
    } else if (in_.at("at")) {
      origin(in_.rest_of_line());
    } else if (in_.take("symbol")) {
      symbol();
    } else if (in_.take("input")) {
      const ValueId v = definition();
      g_.inputs.push_back({v, path(v)});
    } else if (in_.take("state")) {
      const ValueId v = definition();
      Buffer b{v, path(v)};
      for (Role r : {
#define X(name) Role::name,
               PF_ROLES(X)
#undef X
           })
        if (in_.take(name_of(r))) b.role = r;
      b.shared = in_.take("shared");
      g_.buffers.push_back(std::move(b));
      if (in_.take("=")) g_.values[v].constant = constant(v);
    } else if (in_.take("constant")) {
      const ValueId v = definition();
      in_.expect("=");
      g_.values[v].constant = constant(v);
    } else if (in_.take("update")) {
      update();
    } else if (in_.take("output")) {
      Output o;
      if (in_.peek().kind == Kind::value)
        o.value = use();
      else
        o.literal = argument("");
      if (in_.peek().kind == Kind::string) o.name = in_.next().text;
      g_.outputs.push_back(std::move(o));
    } else if (in_.peek().kind == Kind::value || (in_.peek().kind == Kind::word && in_.peek().text.find("::") != std::string::npos)) {
      node();
    } else {
      in_.fail("a statement (takes, gives, symbol, input, state, constant, at, a node, update, output) or \"end\"");
    }
  }

  void origin(const std::string& text) {
    std::vector<std::string> f = fields_of(text);
    f.resize(3);
    const Origin o{std::move(f[0]), std::move(f[1]), std::move(f[2])};
    const auto known = std::find(g_.origins.begin(), g_.origins.end(), o);
    origin_ = static_cast<uint32_t>(known - g_.origins.begin());
    if (known == g_.origins.end()) g_.origins.push_back(o);
  }

  void symbol() {
    Symbol s;
    const int line = in_.peek().line;
    s.name = in_.name("the symbol's name");
    in_.expect(":");
    s.lower = in_.integer("the least value");
    in_.expect("..");
    if (!in_.at("{")) s.upper = in_.integer("the greatest value");
    s.samples = dim();
    if (!symbols_.emplace(s.name, s.samples).second) in_.error(line, "symbol " + s.name + " is defined twice");
    g_.symbols.push_back(std::move(s));
  }

  // --- types ---

  Dim dim() {
    Dim d;
    if (in_.take("{")) {
      for (int k = 0; k < kAssignments; ++k) {
        if (k > 0) in_.expect(",");
        d.at[k] = in_.integer("the size under each assignment");
      }
      in_.expect("}");
      return d;
    }
    int64_t factor = 1, offset = 0;
    if (in_.peek().kind == Kind::number) {
      factor = in_.integer("a size");
      if (!in_.take("*")) return factor;
    }
    const int line = in_.peek().line;
    const std::string name = in_.expect(Kind::word, "a size").text;
    const auto s = symbols_.find(name);
    if (s == symbols_.end()) in_.error(line, "unknown symbol " + name);
    if (in_.peek().kind == Kind::number && (in_.peek().text[0] == '+' || in_.peek().text[0] == '-')) offset = in_.integer("an offset");
    for (int k = 0; k < kAssignments; ++k)
      if (!checked_multiply(factor, s->second.at[k], &d.at[k]) || __builtin_add_overflow(d.at[k], offset, &d.at[k]))
        in_.error(line, "a size that is too large");
    return d;
  }

  std::vector<Dim> dims(const char* close) {
    std::vector<Dim> list;
    while (!in_.take(close)) {
      if (!list.empty()) in_.expect(",");
      list.push_back(dim());
    }
    return list;
  }

  double real() {
    const Token t = in_.next();
    char* end = nullptr;
    const double r = std::strtod(t.text.c_str(), &end);
    if ((t.kind != Kind::number && t.kind != Kind::word) || *end != '\0') in_.error(t.line, "expected a real number, got \"" + t.text + "\"");
    return r;
  }

  Type type() {
    const Token word = in_.expect(Kind::word, "a type (f32[2,3], int 4, bool 1, float 0.5)");
    Type t;
    if (word.text == "none") return t;
    if (!in_.at("[")) {
      if (word.text == "int" || word.text == "bool") {
        t.kind = word.text == "int" ? Type::Kind::integer : Type::Kind::boolean;
        t.number = dim();
      } else if (word.text == "float") {
        t.kind = Type::Kind::real;
        const bool each = in_.take("{");
        for (int k = 0; k < kAssignments; ++k) {
          if (each && k > 0) in_.expect(",");
          t.real[k] = each || k == 0 ? real() : t.real[0];
        }
        if (each) in_.expect("}");
      } else {
        in_.error(word.line, "expected a type (f32[2,3], int 4, bool 1, float 0.5), got \"" + word.text + "\"");
      }
    } else {
      const std::optional<DType> dtype = dtype_named(word.text);
      if (!dtype) in_.error(word.line, "expected a dtype (f32, i64, bool, ...), got \"" + word.text + "\"");
      in_.expect("[");
      t = Type::tensor(*dtype, dims("]"));
      if (t.rank() > kMaxRank) in_.error(word.line, "rank " + std::to_string(t.rank()) + " (at most " + std::to_string(kMaxRank) + ")");
      for (const Dim& d : t.sizes)
        for (int64_t n : d.at)
          if (n < 0) in_.error(word.line, "a negative size");
      if (in_.take("{")) {
        t.strides = dims("}");
        if (t.strides.size() != t.sizes.size())
          in_.error(word.line, "expected " + std::to_string(t.sizes.size()) + " strides, got " + std::to_string(t.strides.size()));
      }
    }
    t.unbounded = in_.take("*");
    return t;
  }

  // --- values ---

  ValueId definition() {
    const Token v = in_.expect(Kind::value, "a value (%0:x : f32[2,3])");
    in_.expect(":");
    Type t = type();
    if (v.id >= kMaxValues) in_.error(v.line, "value number %" + std::to_string(v.id) + " is too large");
    const auto id = static_cast<size_t>(v.id);
    if (id >= g_.values.size()) {
      g_.values.resize(id + 1);
      defined_.resize(id + 1);
    }
    if (defined_[id]) in_.error(v.line, "%" + std::to_string(v.id) + " is defined twice");
    defined_[id] = true;
    g_.values[id].type = std::move(t);
    g_.values[id].name = v.text;
    return static_cast<ValueId>(id);
  }

  ValueId use() {
    const Token v = in_.expect(Kind::value, "a value");
    const auto id = static_cast<size_t>(v.id);
    if (id >= defined_.size() || !defined_[id]) in_.error(v.line, "undefined value %" + std::to_string(v.id) + (v.named ? ":" + v.text : ""));
    if (v.named && v.text != g_.values[id].name)
      in_.error(v.line, "expected %" + std::to_string(v.id) + ":" + g_.values[id].name + ", got %" + std::to_string(v.id) + ":" + v.text);
    return static_cast<ValueId>(id);
  }

  std::string path(ValueId v) { return in_.peek().kind == Kind::string ? in_.next().text : g_.values[v].name; }

  std::shared_ptr<const Constant> constant(ValueId v) {
    const Type& t = g_.type(v);
    const int line = in_.peek().line;
    if (!t.is_tensor() || !t.is_static()) in_.error(line, "a constant must be a tensor of known sizes, got " + to_string(t));
    const auto bytes = static_cast<size_t>(t.upper_bytes());
    if (in_.peek().kind == Kind::value) {
      const ValueId other = use();
      const auto& c = g_.values[other].constant;
      if (!c) in_.error(line, "%" + std::to_string(other) + " is no constant");
      if (c->bytes != bytes) in_.error(line, "expected " + std::to_string(bytes) + " bytes, %" + std::to_string(other) + " has " + std::to_string(c->bytes));
      return c;
    }
    if (in_.take("@")) return constant_at(in_.integer("an offset"), bytes, line);
    if (in_.at("...")) in_.error(line, "this text leaves out the bytes of its constants");
    std::shared_ptr<const Constant> c;
    if (in_.take("bytes")) {
      c = constant_of_bytes(t, in_.expect(Kind::string, "bytes in hexadecimal").text);
      if (!c) in_.error(line, "expected " + std::to_string(bytes) + " bytes in hexadecimal");
      return c;
    }
    std::vector<std::string> numbers;
    if (in_.take("[")) {
      while (!in_.take("]")) {
        if (!numbers.empty()) in_.expect(",");
        const std::string number = in_.next().text;
        const int64_t times = in_.take("*") ? in_.integer("how often the number stands") : 1;
        if (times < 1 || times > numbers_in(t)) in_.error(line, "a number cannot stand " + std::to_string(times) + " times here");
        numbers.insert(numbers.end(), static_cast<size_t>(times), number);
      }
    } else {
      numbers.push_back(in_.next().text);
    }
    c = constant_of_numbers(t, numbers);
    if (!c) in_.error(line, "expected " + std::to_string(numbers_in(t)) + " numbers for " + to_string(t) + ", got " + std::to_string(numbers.size()) +
                                " or one that it cannot hold");
    return c;
  }

  std::shared_ptr<const Constant> constant_at(int64_t offset, size_t bytes, int line) {
    const size_t size = constants_.bytes.size();
    if (offset < 0 || static_cast<size_t>(offset) > size || bytes > size - static_cast<size_t>(offset))
      in_.error(line, "constant at " + std::to_string(offset) + " reaches past the file of constants (" + std::to_string(size) + " bytes)");
    auto c = std::make_shared<Constant>();
    c->data = constants_.bytes.data() + offset;
    c->bytes = bytes;
    c->owner = constants_.owner;
    return c;
  }

  void update() {
    const int line = in_.peek().line;
    const ValueId target = use();
    in_.expect("=");
    const ValueId fresh = use();
    for (Buffer& b : g_.buffers)
      if (b.value == target) {
        if (b.update != kNoValue) in_.error(line, "state %" + std::to_string(target) + " is updated twice");
        b.update = fresh;
        return;
      }
    for (size_t i = 0; i < g_.inputs.size(); ++i)
      if (g_.inputs[i].value == target) {
        g_.input_mutations.push_back({i, fresh});
        return;
      }
    in_.error(line, "%" + std::to_string(target) + " is neither state nor input");
  }

  // --- nodes ---

  void node() {
    Node n;
    n.origin = origin_;
    // Results are defined after the arguments are read: a node does not use its own.
    std::vector<ValueId> outs;
    if (in_.peek().kind == Kind::value) {
      do outs.push_back(definition());
      while (in_.take(","));
      in_.expect("=");
    }
    for (ValueId v : outs) defined_[v] = false;
    const Token name = in_.expect(Kind::word, "an operator");
    n.op = find_op_info(name.text);
    if (!n.op) in_.error(name.line, "unknown operator " + name.text);
    arguments(n, name.line);
    for (ValueId v : outs) defined_[v] = true;
    n.outs = std::move(outs);
    g_.nodes.push_back(std::move(n));
  }

  void arguments(Node& n, int line) {
    const Schema& schema = n.op->schema;
    const std::string op(n.op->name);
    std::vector<std::optional<Arg>> given(schema.args.size());
    size_t position = 0;
    bool by_name = false;
    in_.expect("(");
    while (!in_.take(")")) {
      if (position++ > 0) in_.expect(",");
      size_t i = position - 1;
      // A lone word before "=" is a name; the values that are words stand here too.
      if (in_.peek().kind == Kind::word && schema.index_of(in_.peek().text) >= 0 && !in_.at("graph")) {
        i = static_cast<size_t>(schema.index_of(in_.next().text));
        in_.expect("=");
        by_name = true;
      } else if (by_name || i >= given.size() || schema.args[i].keyword_only) {
        in_.fail("\")\" or the name of an argument of " + op);
      }
      if (given[i]) in_.error(in_.peek().line, op + ": argument \"" + schema.args[i].name + "\" is given twice");
      given[i] = argument(schema.args[i].type);
    }
    for (size_t i = 0; i < given.size(); ++i) {
      if (!given[i] && !schema.args[i].has_default) in_.error(line, op + ": argument \"" + schema.args[i].name + "\" is missing");
      n.args.push_back(given[i] ? *std::move(given[i]) : default_arg(schema.args[i]));
    }
  }

  // `type` as the schema writes it; "" where there is none.
  Arg argument(const std::string& type, int depth = 0) {
    const Token& t = in_.peek();
    switch (t.kind) {
      case Kind::value: return Ref{use()};
      case Kind::string: return in_.next().text;
      case Kind::number:
        if (t.text.find_first_of(".eE") == std::string::npos) return in_.integer("an integer");
        return real();
      case Kind::word: break;
      default:
        if (depth < kMaxDepth && in_.take("[")) {
          Arg::List list;
          while (!in_.take("]")) {
            if (!list.empty()) in_.expect(",");
            list.push_back(argument("", depth + 1));
          }
          return list;
        }
        in_.fail("an argument");
    }
    if (t.text == "graph") return std::make_shared<Graph>(Parser(in_, constants_, symbols_, depth_ + 1).graph());
    if (in_.take("None")) return {};
    if (in_.take("True")) return true;
    if (in_.take("False")) return false;
    if (const auto dtype = dtype_named(t.text); dtype && type.starts_with("ScalarType")) {
      in_.next();
      return *dtype;
    }
    if (t.text == "inf" || t.text == "-inf" || t.text == "nan" || t.text == "-nan") return real();
    in_.fail("an argument");
  }

  Lexer& in_;
  const ConstantBytes& constants_;
  Symbols& symbols_;  // of the outermost graph: sub-graphs use them too
  const int depth_;
  Graph g_;
  std::vector<bool> defined_;
  uint32_t origin_ = 0;
};

}  // namespace

Result<Graph> parse_text(std::string_view text, const ConstantBytes& constants) {
  try {
    Lexer in(text);
    Symbols symbols;
    Graph g = Parser(in, constants, symbols, 0).graph();
    if (in.peek().kind != Token::Kind::end) in.fail("the end of the text");
    return g;
  } catch (const Refusal& r) {
    return Error::make(r.code, "%s", r.text.c_str());
  }
}

}  // namespace portfire::ir
