// Operators that write to arguments, other than by ATen's in-place and out forms: llama::update_cache and its kin. Their functional
// twin (ops/kv_cache.h) gives the new values; the export may call the operator itself, or have made it functional by itself.
#include "compiler/import/functional_twin.h"
#include "compiler/import/pt2_graph.h"
#include "compiler/ir/default_args.h"

namespace portfire::import {

using ir::Arg;
using ir::OpInfo;
using ir::Ref;
using ir::Refusal;
using ir::Type;
using ir::ValueId;

void GraphImporter::writing(Json n, const OpInfo& op, const OpInfo& twin) {
  const std::vector<Arg> args = arguments(n, op, nullptr);
  std::vector<Type> types;
  for (const std::string& result : output_names(n)) types.push_back(type_of(result));
  std::vector<ValueId> targets;
  for (size_t i = 0; i < args.size(); ++i)
    if (op.schema.args[i].written) {
      if (!args[i].ref()) throw Refusal{Code::bad_file, "argument " + op.schema.args[i].name + " is no tensor (expected one to write to)"};
      targets.push_back(args[i].ref()->id);
      types.push_back(graph_.type(targets.back()));
    }
  if (types.size() != twin.schema.returns.size()) throw Refusal{Code::bad_file, "an unexpected number of results"};
  const std::vector<ValueId> results = build_.append(twin, args, std::move(types));
  bind_outputs(n, results);
  const OpInfo& copy = *ir::find_op_info("aten::copy_");
  for (size_t i = 0; i < targets.size(); ++i)
    build_.append(copy, {Ref{targets[i]}, Ref{results[results.size() - targets.size() + i]}, false}, {graph_.type(targets[i])});
}

// auto_functionalized(op, ...): results, then the new values of the arguments that are written. In the second version those arguments
// are numbers of `_all_bases`, whose new values come in that order.
void GraphImporter::auto_functionalized(Json n) {
  std::string name;
  std::vector<std::pair<std::string, Json>> inputs;
  for (Json input : simdjson::dom::array(n["inputs"])) {
    std::string_view target;
    if (!input["arg"]["as_operator"].get(target))
      name = qualified(target);
    else
      inputs.emplace_back(to_text(input["name"]), input["arg"]);
  }
  const OpInfo *op = ir::find_op_info(name), *twin = functional_twin(name);
  if (!op || !twin) throw Refusal{Code::unsupported, "unsupported operator " + name};
  const auto input = [&](const std::string& key) -> const Json* {
    for (const auto& [known, arg] : inputs)
      if (known == key) return &arg;
    return nullptr;
  };
  const Json* all = input("_all_bases");
  const Arg bases = all ? argument(*all, "Tensor[]") : Arg();
  std::vector<Arg> args;
  std::vector<int64_t> base_of;  // of each argument that is written, in order
  std::vector<Type> types;
  for (const ir::SchemaArg& a : op->schema.args) {
    if (const Json* given = input(a.name)) {
      args.push_back(argument(*given, a.type));
    } else if (const Json* number = input("_" + a.name + "_base_index"); number && bases.list()) {
      const Arg i = argument(*number, "int");
      if (!i.integer() || *i.integer() < 0 || *i.integer() >= static_cast<int64_t>(bases.list()->size()))
        throw Refusal{Code::bad_file, name + ": argument \"" + a.name + "\" is no base"};
      for (const char* part : {"_size", "_slice_dim", "_alias"})
        if (input("_" + a.name + part)) throw Refusal{Code::unsupported,
            name + ": a write to a view of \"" + a.name + "\" (export without run_decompositions)"};
      args.push_back((*bases.list())[static_cast<size_t>(*i.integer())]);
      base_of.push_back(*i.integer());
    } else if (a.has_default) {
      args.push_back(ir::default_arg(a));
    } else {
      throw Refusal{Code::bad_file, name + ": argument \"" + a.name + "\" is missing"};
    }
    if (!a.written) continue;
    if (!args.back().ref()) throw Refusal{Code::bad_file, name + ": argument \"" + a.name + "\" is no tensor"};
    if (!all) base_of.push_back(static_cast<int64_t>(base_of.size()));
  }
  const std::vector<std::string> names = output_names(n);
  const size_t own = op->schema.returns.size();
  if (names.size() < own) throw Refusal{Code::bad_file, name + ": too few results"};
  for (size_t i = 0; i < own; ++i) types.push_back(type_of(names[i]));
  for (size_t i = 0; i < op->schema.args.size(); ++i)
    if (op->schema.args[i].written) types.push_back(graph_.type(args[i].ref()->id));
  if (types.size() != twin->schema.returns.size()) throw Refusal{Code::bad_file, name + ": an unexpected number of results"};
  const std::vector<ValueId> results = build_.append(*twin, std::move(args), std::move(types));
  const auto bind = [&](size_t output, ValueId id) {
    if (output >= names.size() || names[output].empty()) return;
    graph_.values[id].name = names[output];
    define(names[output], id);
  };
  for (size_t i = 0; i < own; ++i) bind(i, results[i]);
  for (size_t k = 0; k < base_of.size(); ++k) bind(own + static_cast<size_t>(base_of[k]), results[own + k]);
}

}  // namespace portfire::import
