#include "compiler/ir/text.h"

#include <fmt/format.h>

namespace portfire::ir {

std::string to_string(const Dim& dim) {
  if (dim.is_static()) return std::to_string(dim.at[0]);
  std::string s = "s{";
  for (int k = 0; k < kAssignments; ++k) s += (k ? "," : "") + std::to_string(dim.at[k]);
  return s + "}";
}

std::string to_string(const Type& t) {
  auto list = [](const std::vector<Dim>& dims) {
    std::string s;
    for (size_t d = 0; d < dims.size(); ++d) s += (d ? "," : "") + to_string(dims[d]);
    return s;
  };
  switch (t.kind) {
    case Type::Kind::none: return "none";
    case Type::Kind::boolean: return "bool " + to_string(t.number);
    case Type::Kind::integer: return "int " + to_string(t.number);
    case Type::Kind::real: return fmt::format("float {}", t.real[0]);
    case Type::Kind::tensor: break;
  }
  std::string s = std::string(name_of(t.dtype)) + "[" + list(t.sizes) + "]";
  if (!t.strides.empty()) s += "{" + list(t.strides) + "}";
  if (t.unbounded) s += "*";
  return s;
}

namespace {

class Printer {
 public:
  explicit Printer(const Graph& g) : g_(g) {}

  std::string print(const std::string& indent) {
    std::string out = indent + "graph " + g_.name + "\n";
    for (const Input& i : g_.inputs) out += indent + fmt::format("  input {} : {}  # {}\n", ref(i.value), to_string(g_.type(i.value)), i.name);
    for (const Buffer& b : g_.buffers) out += indent + fmt::format("  state {} : {}  # {}\n", ref(b.value), to_string(g_.type(b.value)), b.name);
    for (ValueId v = 0; v < g_.values.size(); ++v)
      if (g_.values[v].constant && !is_state(v))
        out += indent + fmt::format("  constant {} : {}\n", ref(v), to_string(g_.type(v)));
    for (const Node& n : g_.nodes) {
      out += indent + "  ";
      for (size_t i = 0; i < n.outs.size(); ++i)
        out += fmt::format("{}{} : {}", i ? ", " : "", ref(n.outs[i]), to_string(g_.type(n.outs[i])));
      out += fmt::format("{}{}(", n.outs.empty() ? "" : " = ", n.op->name);
      for (size_t i = 0; i < n.args.size(); ++i) out += (i ? ", " : "") + arg(n.args[i], indent);
      out += ")";
      if (const Origin& o = g_.origins[n.origin]; !o.line.empty()) out += "  # " + o.line;
      out += "\n";
    }
    for (const Buffer& b : g_.buffers)
      if (b.update != kNoValue) out += indent + fmt::format("  update {} = {}\n", ref(b.value), ref(b.update));
    for (const InputMutation& m : g_.input_mutations)
      out += indent + fmt::format("  update {} = {}\n", ref(g_.inputs[m.input].value), ref(m.value));
    for (const Output& o : g_.outputs) out += indent + "  output " + (o.value == kNoValue ? arg(o.literal, indent) : ref(o.value)) + "\n";
    return out + indent + "end\n";
  }

 private:
  std::string ref(ValueId v) const { return fmt::format("%{}:{}", v, g_.values[v].name); }
  bool is_state(ValueId v) const {
    for (const Buffer& b : g_.buffers)
      if (b.value == v) return true;
    return false;
  }
  std::string arg(const Arg& a, const std::string& indent) {
    if (a.none()) return "None";
    if (a.ref()) return ref(a.ref()->id);
    if (a.boolean()) return *a.boolean() ? "True" : "False";
    if (a.integer()) return std::to_string(*a.integer());
    if (a.real()) return fmt::format("{:#}", *a.real());
    if (a.string()) return "\"" + *a.string() + "\"";
    if (a.graph()) return "\n" + Printer(**a.graph()).print(indent + "    ") + indent + "  ";
    std::string s = "[";
    for (size_t i = 0; i < a.list()->size(); ++i) s += (i ? ", " : "") + arg((*a.list())[i], indent);
    return s + "]";
  }
  const Graph& g_;
};

}  // namespace

std::string to_text(const Graph& graph) { return Printer(graph).print(""); }

}  // namespace portfire::ir
