#include "compiler/ir/verify.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/ir/builder.h"
#include "compiler/ir/infer.h"
#include "compiler/ir/portable.h"
#include "ops/sym.h"

namespace portfire::ir {
namespace {

[[noreturn]] void fail(const std::string& what) { throw Refusal{Code::failed, what}; }

const char* kind_of(const Graph& g, const Arg& a) {
  if (a.none()) return "None";
  if (a.boolean()) return "a boolean";
  if (a.integer()) return "an integer";
  if (a.real()) return "a real";
  if (a.string()) return "a string";
  if (a.list()) return "a list";
  if (a.graph()) return "a graph";
  switch (g.type(a.ref()->id).kind) {
    case Type::Kind::tensor: return "a tensor";
    case Type::Kind::integer: return "an integer value";
    case Type::Kind::boolean: return "a boolean value";
    case Type::Kind::real: return "a real value";
    case Type::Kind::none: break;
  }
  return "a value without a type";
}

class Verifier {
 public:
  Verifier(const Graph& g, Stage stage) : g_(g), stage_(stage), defined_(g.values.size()) {}

  void run() {
    for (const Input& i : g_.inputs) define(i.value, "an input");
    for (const Buffer& b : g_.buffers) {
      define(b.value, "state");
      if (!g_.values[b.value].constant && !b.shared) fail(name(b.value) + ": state without an initial value");
    }
    for (ValueId v = 0; v < g_.values.size(); ++v)
      if (g_.values[v].constant) constant(v);
    for (const Node& n : g_.nodes) {
      try {
        node(n);
      } catch (Refusal& r) {
        r.text = where(n) + ": " + r.text;
        throw;
      }
    }
    for (const Buffer& b : g_.buffers)
      if (b.update != kNoValue) update(b.value, b.update);
    for (const InputMutation& m : g_.input_mutations) {
      if (m.input >= g_.inputs.size()) fail(fmt::format("update of input {} of {}", m.input, g_.inputs.size()));
      update(g_.inputs[m.input].value, m.value);
    }
    for (size_t i = 0; i < g_.outputs.size(); ++i)
      if (g_.outputs[i].value != kNoValue) use(g_.outputs[i].value, fmt::format("output {}", i));
  }

 private:
  std::string name(ValueId v) const {
    return v < g_.values.size() ? fmt::format("%{}:{}", v, g_.values[v].name) : fmt::format("%{} (of {} values)", v, g_.values.size());
  }
  std::string where(const Node& n) const {
    std::string s = n.op ? std::string(n.op->name) : "a node without an operator";
    if (!n.outs.empty()) s += " " + name(n.outs[0]);
    if (n.origin < g_.origins.size() && !g_.origins[n.origin].line.empty()) s += " (" + g_.origins[n.origin].line + ")";
    return s;
  }

  void define(ValueId v, const char* as) {
    if (v >= g_.values.size()) fail(name(v) + " is no value");
    if (defined_[v]) fail(fmt::format("{} is defined twice (now as {})", name(v), as));
    defined_[v] = true;
  }
  void use(ValueId v, const std::string& as) const {
    if (v >= g_.values.size()) fail(fmt::format("{}: {} is no value", as, name(v)));
    if (!defined_[v]) fail(fmt::format("{}: {} is used before it is defined", as, name(v)));
  }

  void constant(ValueId v) {
    const Constant& c = *g_.values[v].constant;
    const Type& t = g_.type(v);
    if (!t.is_tensor() || !t.is_static() || !t.is_contiguous())
      fail(fmt::format("{}: constant of type {} (expected a dense tensor of known sizes)", name(v), to_string(t)));
    if (static_cast<int64_t>(c.bytes) != t.upper_bytes())
      fail(fmt::format("{}: constant of {} bytes (expected {} for {})", name(v), c.bytes, t.upper_bytes(), to_string(t)));
    if (c.bytes > 0 && !c.data) fail(name(v) + ": constant without data");
    const bool state = std::any_of(g_.buffers.begin(), g_.buffers.end(), [&](const Buffer& b) { return b.value == v; });
    if (!state) define(v, "a constant");
  }

  void update(ValueId old, ValueId fresh) const {
    use(fresh, "update of " + name(old));
    const Type &from = g_.type(old), &to = g_.type(fresh);
    if (from.kind != to.kind || from.dtype != to.dtype || (stage_ != Stage::imported && from.sizes != to.sizes))
      fail(fmt::format("update of {} is {} (expected {})", name(old), to_string(to), to_string(from)));
  }

  // --- nodes ---

  void node(const Node& n) {
    if (!n.op) fail("no operator");
    if (n.origin >= g_.origins.size()) fail(fmt::format("origin {} of {}", n.origin, g_.origins.size()));
    const Schema& schema = n.op->schema;
    if (n.args.size() != schema.args.size()) fail(fmt::format("{} arguments (expected {})", n.args.size(), schema.args.size()));
    for (size_t i = 0; i < n.args.size(); ++i) {
      const std::string& argument = schema.args[i].name;
      for_each_ref(n.args[i], [&](ValueId v) { use(v, "argument " + argument); });
      if (!fits(n, n.args[i], schema.args[i].type))
        fail(fmt::format("argument {} is {} (expected {})", argument, kind_of(g_, n.args[i]), schema.args[i].type));
    }
    const bool listed = schema.returns.size() == 1 && schema.returns[0].find('[') != std::string::npos;
    if (!listed && n.outs.size() > schema.returns.size())
      fail(fmt::format("{} results (expected {})", n.outs.size(), schema.returns.size()));
    if (stage_ >= Stage::functional && n.op->name == "aten::copy_") fail("mutation after functionalise");
    if (is_control_flow(n)) {
      control_flow(n);
    } else if (stage_ >= Stage::decomposed) {
      if (stage_ >= Stage::portable && portable_name(n.op->name).empty() && !ops::sym::is_sym_op(n.op->name) && !is_xnnpacks(n))
        fail("no operator of the portable library");
      if (!n.op->op && stage_ < Stage::portable) fail("a composite operator after decompose");
      if (!n.op->op) {  // there is no shape rule
        for (ValueId v : n.outs) define(v, "a result");
        return;
      }
      if (n.outs.size() != n.op->op->outs) fail(fmt::format("{} results (expected {})", n.outs.size(), n.op->op->outs));
      results(n);
    }
    for (ValueId v : n.outs) define(v, "a result");
  }

  static bool is_control_flow(const Node& n) {
    return n.op->name == "portfire::cond" || n.op->name == "portfire::while_loop" || n.op->name == "portfire::scan" || n.op->name == "portfire::xnnpack";
  }

  // What only a delegate computes (compiler/passes/join_for_xnnpack.cc).
  static bool is_xnnpacks(const Node& n) { return n.op->name == "aten::matmul" || n.op->name == "aten::prelu" || n.op->name == "aten::hardswish"; }

  // Whether `a` may stand for an argument of `n` written as `type` ("SymInt[2]", "Tensor?", ...).
  bool fits(const Node& n, const Arg& a, std::string_view type) const {
    const size_t open = type.find('['), optional = type.rfind('?');
    // "Tensor?[]" is a list of optionals; "int[]?" an optional list.
    if (a.none()) return (optional != type.npos && (open == type.npos || optional > open)) || type == "Device";
    const bool numbers = stage_ == Stage::imported || is_control_flow(n);  // for tensors
    if (open == type.npos) return fits_item(a, type.substr(0, optional), numbers);
    const Arg::List* list = a.list();
    std::string_view item = type.substr(0, open);
    const bool absent = item.ends_with('?');
    if (absent) item.remove_suffix(1);
    if (!list) return false;
    for (const Arg& x : *list)
      if (x.none() ? !absent : !fits_item(x, item, numbers)) return false;
    return true;
  }
  bool fits_item(const Arg& a, std::string_view type, bool numbers) const {
    const Type::Kind value = a.ref() ? g_.type(a.ref()->id).kind : Type::Kind::none;
    const bool whole = a.integer() || a.boolean() || value == Type::Kind::integer || value == Type::Kind::boolean;
    const bool number = whole || a.real() || value == Type::Kind::real;
    if (type == "Tensor") return value == Type::Kind::tensor || (numbers && number);
    if (type == "Graph") return a.graph() && *a.graph();
    if (type == "str") return a.string();
    if (type == "ScalarType") return a.integer() && is_dtype(*a.integer());
    if (type == "Scalar" || type == "float") return number;
    if (type == "bool" || type == "int" || type == "SymInt" || type == "SymBool" || type == "Layout" || type == "MemoryFormat") return whole;
    return false;
  }

  // --- types ---

  void results(const Node& n) const {
    if (ops::sym::is_sym_op(n.op->name)) {
      if (n.op->name != "aten::_local_scalar_dense") number(n);
      return;
    }
    Result<std::vector<Type>> types = infer(g_, *n.op, n.args);
    if (!types.ok()) fail(types.error().text());
    for (size_t i = 0; i < n.outs.size(); ++i)
      if (const Type &is = g_.type(n.outs[i]), &expected = (*types)[i]; !(is == expected))
        fail(fmt::format("result {} is {} (expected {})", i, to_string(is), to_string(expected)));
  }

  // A number that the program computes, under each assignment.
  void number(const Node& n) const {
    if (n.outs.empty()) return;
    const Type& t = g_.type(n.outs[0]);
    for (int k = 0; k < kAssignments; ++k) {
      Value v;
      if (Error e = ops::sym::evaluate(n.op->name, CallArgs(g_, *n.op, n.args, k).args(), &v)) fail(e.text());
      const bool same = v.kind == Value::Kind::real      ? t.kind == Type::Kind::real && t.real[k] == v.real
                        : v.kind == Value::Kind::boolean ? t.kind == Type::Kind::boolean && t.number.at[k] == v.boolean
                                                         : t.kind == Type::Kind::integer && t.number.at[k] == v.integer;
      if (!same) fail(fmt::format("result is {}, which its operands under assignment {} do not give", to_string(t), k));
    }
  }

  // --- control flow ---

  size_t operands(const Node& n, std::initializer_list<size_t> lists) const {
    size_t count = 0;
    for (size_t i : lists) count += n.args[i].list()->size();
    return count;
  }

  void control_flow(const Node& n) const {
    if (n.op->name == "portfire::cond") {
      for (size_t i : {1, 2}) sub_graph(n, i, operands(n, {3}), n.outs.size());
    } else if (n.op->name == "portfire::while_loop") {
      sub_graph(n, 0, operands(n, {2, 3}), 1);
      sub_graph(n, 1, operands(n, {2, 3}), operands(n, {2}));
    } else if (n.op->name == "portfire::xnnpack") {
      sub_graph(n, 0, operands(n, {1}), n.outs.size());
    } else {
      sub_graph(n, 0, operands(n, {1, 2, 3}), n.outs.size());
    }
  }

  void sub_graph(const Node& n, size_t arg, size_t operands, size_t results) const {
    const Graph& inner = **n.args[arg].graph();
    if (inner.inputs.size() != operands) fail(fmt::format("{} takes {} operands ({} are given)", inner.name, inner.inputs.size(), operands));
    if (inner.outputs.size() != results) fail(fmt::format("{} has {} results (expected {})", inner.name, inner.outputs.size(), results));
    try {
      Verifier(inner, stage_).run();
    } catch (Refusal& r) {
      r.text = inner.name + ": " + r.text;
      throw;
    }
  }

  const Graph& g_;
  const Stage stage_;
  std::vector<bool> defined_;
};

}  // namespace

Error verify(const Graph& graph, Stage stage) {
  try {
    Verifier(graph, stage).run();
    return {};
  } catch (const Refusal& r) {
    return Error::make(r.code, "%s", r.text.c_str());
  }
}

}  // namespace portfire::ir
