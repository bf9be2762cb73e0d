// Higher-order operators of an export (sub-graphs), and the checks of symbolic input sizes.
#include <algorithm>

#include "compiler/import/pt2_graph.h"

namespace portfire::import {

using ir::Arg;
using ir::Int;
using ir::Ref;
using ir::Refusal;
using ir::Type;
using ir::ValueId;

std::shared_ptr<ir::Graph> GraphImporter::sub_graph(Json graph_argument) {
  auto graph = std::make_shared<ir::Graph>();
  graph->name = text_or_empty(graph_argument, "name");
  const Json body = graph_argument["graph"];
  GraphImporter inner(graph.get(), symbols_);
  inner.read_types(body);
  for (Json input : simdjson::dom::array(body["inputs"])) {
    Json a;
    std::string name;
    if (!input["as_tensor"].get(a))
      name = to_text(a["name"]);
    else if (!input["as_sym_int"].get(a) || !input["as_sym_bool"].get(a) || !input["as_sym_float"].get(a))
      name = text_or_empty(a, "as_name");
    if (name.empty()) throw Refusal{Code::unsupported, "a sub-graph with an input that is neither tensor nor number"};
    const ValueId id = graph->add_value(inner.type_of(name), name);
    inner.define(name, id);
    graph->inputs.push_back({id, name});
  }
  inner.nodes(body);
  for (Json output : simdjson::dom::array(body["outputs"])) {
    const Arg a = inner.argument(output, "");
    ir::Output out;
    if (a.ref())
      out.value = a.ref()->id;
    else
      out.literal = a;
    graph->outputs.push_back(std::move(out));
  }
  return graph;
}

void GraphImporter::inline_graph(Json graph_argument, const std::vector<Arg>& operands, Json n) {
  const Json body = graph_argument["graph"];
  const auto outer_values = values_;
  const auto outer_types = types_;
  read_types(body);
  size_t i = 0;
  for (Json input : simdjson::dom::array(body["inputs"])) {
    Json a;
    std::string name;
    if (!input["as_tensor"].get(a))
      name = to_text(a["name"]);
    else if (!input["as_sym_int"].get(a))
      name = text_or_empty(a, "as_name");
    if (i >= operands.size() || !operands[i].ref()) throw Refusal{Code::bad_file, "operands of a sub-graph do not match its inputs"};
    define(name, operands[i++].ref()->id);
  }
  nodes(body);
  std::vector<ValueId> results;
  for (Json output : simdjson::dom::array(body["outputs"])) {
    const Arg a = argument(output, "");
    results.push_back(a.ref() ? a.ref()->id : ir::kNoValue);
  }
  values_ = outer_values;
  types_ = outer_types;
  const std::vector<std::string> names = output_names(n);
  for (size_t k = 0; k < names.size() && k < results.size(); ++k)
    if (!names[k].empty() && results[k] != ir::kNoValue) define(names[k], results[k]);
}

// What a region without gradients gave.
void GraphImporter::detach_outputs(Json n) {
  for (const std::string& name : output_names(n)) {
    const auto it = values_.find(name);
    if (it == values_.end()) continue;
    const ir::Type& type = graph_.type(it->second);
    if (type.is_tensor() && (is_floating(type.dtype) || is_complex(type.dtype))) define(name, build_("aten::detach", ir::Tensor{&build_, it->second}).id);
  }
}

// In an autocast region operands are cast as the kind of operator wants it, and the graph does not say so;
// but it gives the types of results, and an operator computes in the type of its result. Norms take
// 16-bit inputs with 32-bit weights.
void GraphImporter::autocast(const ir::OpInfo& op, const std::vector<Type>& results, std::vector<Arg>& args) {
  if (results.empty() || !results[0].is_tensor() || !is_floating(results[0].dtype) || op.name.find("norm") != op.name.npos) return;
  auto cast = [&](Arg& a) {
    if (const Ref* r = a.ref(); r && graph_.type(r->id).is_tensor() && is_floating(graph_.type(r->id).dtype))
      a = build_.cast({&build_, r->id}, results[0].dtype);
  };
  for (Arg& a : args) {
    cast(a);
    if (Arg::List* list = std::get_if<Arg::List>(&a.v))
      for (Arg& item : *list) cast(item);
  }
}

bool GraphImporter::higher_order(Json n, std::string_view target) {
  constexpr std::string_view kPrefix = "torch.ops.higher_order.";
  if (!target.starts_with(kPrefix)) return false;
  const std::string_view name = target.substr(kPrefix.size());
  std::vector<Json> inputs;
  for (Json input : simdjson::dom::array(n["inputs"])) inputs.push_back(input["arg"]);
  if (name == "wrap_with_set_grad_enabled" || name == "wrap_with_autocast" || name == "hints_wrapper" || name == "wrap" ||
      name == "invoke_subgraph" || name == "strict_mode") {
    std::vector<Arg> operands;
    Json graph;
    bool found = false, enabled = false;
    for (size_t i = 0; i < inputs.size(); ++i) {
      Json g;
      if (!found && !inputs[i]["as_graph"].get(g)) {
        graph = g;
        found = true;
      } else if (found) {
        simdjson::dom::array list;
        const Arg a = argument(inputs[i], "");
        if (a.list())
          operands.insert(operands.end(), a.list()->begin(), a.list()->end());
        else if (a.ref())
          operands.push_back(a);
      } else if (bool b; i == 2 && !inputs[i]["as_bool"].get(b)) {
        enabled = b;  // wrap_with_autocast(device, dtype, enabled, cache, graph, ...)
      }
    }
    if (!found) throw Refusal{Code::bad_file, std::string(name) + " without a sub-graph"};
    const bool outer = autocast_;
    if (name == "wrap_with_autocast") autocast_ = enabled;
    inline_graph(graph, operands, n);
    autocast_ = outer;
    if (bool gradients; name == "wrap_with_set_grad_enabled" && !inputs.empty() && !inputs[0]["as_bool"].get(gradients) && !gradients)
      detach_outputs(n);
    return true;
  }
  if (name == "auto_functionalized" || name == "auto_functionalized_v2") {
    auto_functionalized(n);
    return true;
  }
  std::vector<Type> types;
  for (const std::string& out : output_names(n)) types.push_back(type_of(out));
  auto append = [&](const char* op, std::vector<Arg> args) {
    bind_outputs(n, build_.append(*ir::find_op_info(op), std::move(args), types));
    return true;
  };
  auto arg = [&](size_t i) {
    if (i >= inputs.size()) throw Refusal{Code::bad_file, std::string(name) + ": too few arguments"};
    return argument(inputs[i], "");
  };
  auto list = [&](size_t i) {
    Arg a = i < inputs.size() ? arg(i) : Arg();
    return a.list() ? a : a.none() ? Arg(Arg::List{}) : Arg(Arg::List{a});
  };
  if (name == "cond") return append("portfire::cond", {arg(0), arg(1), arg(2), list(3)});
  if (name == "while_loop") return append("portfire::while_loop", {arg(0), arg(1), list(2), list(3)});
  if (name == "map_impl") return append("portfire::scan", {arg(0), Arg(Arg::List{}), list(1), list(2)});
  if (name == "scan") return append("portfire::scan", {arg(0), list(1), list(2), list(3)});
  throw Refusal{Code::unsupported, "higher-order operator " + std::string(name)};
}

// --- symbolic input sizes ---

Int GraphImporter::emit(const SymExpr& e, const std::unordered_map<std::string, Int>& known) {
  if (e.kind == SymExpr::Kind::number) return e.number;
  if (e.kind == SymExpr::Kind::symbol) return known.at(e.name);
  if (e.kind == SymExpr::Kind::real) throw Refusal{Code::unsupported, "an input size with a fraction"};
  std::vector<Int> a;
  for (const SymExpr& arg : e.args) a.push_back(emit(arg, known));
  auto fold = [&](auto op) {
    Int r = a[0];
    for (size_t i = 1; i < a.size(); ++i) r = op(r, a[i]);
    return r;
  };
  if (a.empty()) throw Refusal{Code::bad_file, "a symbolic size without operands"};
  if (e.name == "Add") return fold([](Int x, Int y) { return x + y; });
  if (e.name == "Mul") return fold([](Int x, Int y) { return x * y; });
  if (e.name == "Max") return fold([](Int x, Int y) { return ir::max(x, y); });
  if (e.name == "Min") return fold([](Int x, Int y) { return ir::min(x, y); });
  if (a.size() == 2 && (e.name == "FloorDiv" || e.name == "CleanDiv")) return floor_div(a[0], a[1]);
  if (a.size() == 2 && (e.name == "Mod" || e.name == "PythonMod")) return a[0] % a[1];
  if (a.size() == 2 && (e.name == "Pow" || e.name == "PowByNatural") && a[1].known() && a[1].fixed >= 0 && a[1].fixed < 8) {
    Int r = 1;
    for (int64_t i = 0; i < a[1].fixed; ++i) r = r * a[0];
    return r;
  }
  throw Refusal{Code::unsupported, "an input size computed with " + e.name};
}

// Finds a symbol that this size determines: s itself, or s in a*s + b.
bool GraphImporter::solve(const InputDim& d, std::unordered_map<std::string, Int>* known) {
  std::vector<std::string> names, unknown;
  collect_symbols(*d.expression, &names);
  for (const std::string& n : names)
    if (!known->count(n)) unknown.push_back(n);
  if (unknown.size() != 1) return false;
  const std::string& s = unknown[0];
  if (d.expression->kind != SymExpr::Kind::symbol && names.size() != 1) return false;
  // Linear in s: read a and b off two evaluations, and make sure with a third.
  auto at = [&](double v) { return evaluate(*d.expression, [&](const std::string&) { return v; }); };
  const auto f0 = at(0), f1 = at(1), f5 = at(5);
  if (!f0.ok() || !f1.ok() || !f5.ok()) return false;
  const auto b = static_cast<int64_t>(*f0), a = static_cast<int64_t>(*f1) - b;
  if (a <= 0 || *f5 != static_cast<double>(5 * a + b)) return false;
  const Int size = build_.size(ir::Tensor{&build_, d.input}, d.dim);
  const Int value = floor_div(size - b, a);
  if (a != 1) build_.append(*ir::find_op_info("portfire::check_equal"), {value * a + b, Arg(size), d.what}, {});
  (*known)[s] = value;
  const ir::Symbol& symbol = symbols_.symbol(s);
  const std::string what = a == 1 && b == 0 ? d.what : d.what + ": symbol " + s;
  build_.append(*ir::find_op_info("portfire::check_range"), {Arg(value), symbol.lower, symbol.upper, what}, {});
  return true;
}

void GraphImporter::check_symbols() {
  std::vector<InputDim> dims;
  std::unordered_map<std::string, Int> known;
  auto path = [&](ValueId id) {
    return std::find_if(graph_.inputs.begin(), graph_.inputs.end(), [&](const ir::Input& i) { return i.value == id; })->name;
  };
  for (auto& [name, id] : inputs_) {
    if (!graph_.type(id).is_tensor()) {
      const SymExpr* e = symbols_.expression(body_["sym_int_values"][name]);
      if (e && e->kind == SymExpr::Kind::symbol) known[e->name] = Int(&build_, id);
      continue;
    }
    int d = 0;
    for (Json size : simdjson::dom::array(body_["tensor_values"][name]["sizes"])) {
      if (const SymExpr* e = symbols_.expression(size))
        dims.push_back({id, d, e, "input \"" + path(id) + "\": size of dim " + std::to_string(d)});
      ++d;
    }
  }
  // Plain symbols first, then what follows from them.
  for (int round = 0; round < 2; ++round)
    for (bool progress = true; progress;) {
      progress = false;
      for (InputDim& d : dims) {
        if (!d.expression || (round == 0 && d.expression->kind != SymExpr::Kind::symbol)) continue;
        if (solve(d, &known)) {
          d.expression = nullptr;
          progress = true;
        }
      }
    }
  for (const InputDim& d : dims) {
    if (!d.expression) continue;
    std::vector<std::string> names;
    collect_symbols(*d.expression, &names);
    for (const std::string& n : names)
      if (!known.count(n)) throw Refusal{Code::unsupported, d.what + " uses symbol " + n + ", which no input size gives"};
    build_.append(*ir::find_op_info("portfire::check_equal"),
                  {Arg(build_.size(ir::Tensor{&build_, d.input}, d.dim)), Arg(emit(*d.expression, known)), d.what}, {});
  }
}

}  // namespace portfire::import
