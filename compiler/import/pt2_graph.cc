#include "compiler/import/pt2_graph.h"

#include <unordered_map>

#include "compiler/import/functional_twin.h"
#include "compiler/import/origin.h"
#include "compiler/ir/default_args.h"

namespace portfire::import {

using ir::Arg;
using ir::Int;
using ir::OpInfo;
using ir::Ref;
using ir::Refusal;
using ir::Type;
using ir::ValueId;

namespace {

std::string name_of_ref(Json arg) {
  for (const char* key : {"as_tensor", "as_sym_int", "as_sym_bool", "as_sym_float"}) {
    Json a;
    if (arg[key].get(a)) continue;
    std::string name = text_or_empty(a, "name");
    return name.empty() ? text_or_empty(a, "as_name") : name;
  }
  return {};
}

// "aten::add_.Tensor" -> "aten::add.Tensor"; empty where the name is not an in-place one.
std::string functional_name(std::string_view name) {
  // Where ATen calls the overloads differently.
  static const std::unordered_map<std::string_view, const char*> kOthers = {
      {"aten::pow_.Scalar", "aten::pow.Tensor_Scalar"},
      {"aten::pow_.Tensor", "aten::pow.Tensor_Tensor"},
      {"aten::float_power_.Scalar", "aten::float_power.Tensor_Scalar"},
      {"aten::float_power_.Tensor", "aten::float_power.Tensor_Tensor"},
      {"aten::floor_divide_.Tensor", "aten::floor_divide"},
      {"aten::transpose_", "aten::transpose.int"},
      {"aten::normal_", "aten::normal_functional"},
      {"aten::bernoulli_.float", "aten::bernoulli.p"},
      {"aten::ldexp_", "aten::ldexp.Tensor"}};
  if (const auto other = kOthers.find(name); other != kOthers.end()) return other->second;
  const size_t dot = name.find('.');
  const std::string_view base = name.substr(0, dot);
  if (base.empty() || base.back() != '_' || base.ends_with("__")) return {};
  return std::string(base.substr(0, base.size() - 1)) + (dot == name.npos ? "" : std::string(name.substr(dot)));
}

// "aten::add.out" -> "aten::add.Tensor", "aten::add.Scalar_out" -> "aten::add.Scalar": the operator of
// that family that takes the same arguments less `out`; null where there is none.
const OpInfo* functional_of_out(std::string_view name) {
  const size_t dot = name.find('.');
  if (dot == name.npos) return nullptr;
  const std::string base(name.substr(0, dot)), overload(name.substr(dot + 1));
  if (overload == "out") {
    for (const char* other : {"", ".Tensor", ".self", ".int", ".dim"})
      if (const OpInfo* op = ir::find_op_info(base + other)) return op;
    return nullptr;
  }
  constexpr std::string_view kSuffix = "_out";
  if (!overload.ends_with(kSuffix)) return nullptr;
  return ir::find_op_info(base + "." + overload.substr(0, overload.size() - kSuffix.size()));
}

}  // namespace

std::string qualified(std::string_view target) {
  std::string_view rest = target.substr(std::string_view("torch.ops.").size());
  const size_t dot = rest.find('.');
  std::string name = std::string(rest.substr(0, dot)) + "::" + std::string(rest.substr(dot + 1));
  if (constexpr std::string_view kDefault = ".default"; name.size() > kDefault.size() && name.ends_with(kDefault))
    name.resize(name.size() - kDefault.size());
  return name;
}

void GraphImporter::read_types(Json body) {
  body_ = body;
  for (auto [name, meta] : simdjson::dom::object(body["tensor_values"]))
    types_[std::string(name)] = tensor_type(meta, symbols_);
  simdjson::dom::object list;
  if (!body["sym_int_values"].get(list))
    for (auto [name, sym] : list) types_[std::string(name)] = Type::integer(symbols_.dim(sym));
  if (!body["sym_bool_values"].get(list))
    for (auto [name, sym] : list) types_[std::string(name)] = Type::scalar(Type::Kind::boolean);
  if (!body["sym_float_values"].get(list))
    for (auto [name, sym] : list) {
      Type t = Type::scalar(Type::Kind::real);
      t.real = symbols_.real(sym);
      types_[std::string(name)] = t;
    }
}

Type GraphImporter::type_of(const std::string& name) const {
  auto it = types_.find(name);
  if (it == types_.end()) throw Refusal{Code::bad_file, "no type recorded for value \"" + name + "\""};
  return it->second;
}

ValueId GraphImporter::value(const std::string& name) const {
  auto it = values_.find(name);
  if (it == values_.end()) throw Refusal{Code::bad_file, "value \"" + name + "\" is used before it is defined"};
  return it->second;
}

Arg GraphImporter::argument(Json arg, std::string_view type) {
  for (const auto& field : simdjson::dom::object(arg)) {
    const std::string_view kind = field.key;
    const Json v = field.value;
    auto list = [&](auto convert) {
      Arg::List l;
      for (Json item : simdjson::dom::array(v)) l.push_back(convert(item));
      return Arg(std::move(l));
    };
    auto symbolic_or = [&](Json item, const char* key) -> Arg {
      std::string_view name;
      if (!item["as_name"].get(name)) return Ref{value(std::string(name))};
      return argument(item, key);
    };
    if (kind == "as_none") return {};
    if (kind == "as_tensor") return Ref{value(to_text(v["name"]))};
    if (kind == "as_tensors") return list([&](Json t) { return Arg(Ref{value(to_text(t["name"]))}); });
    if (kind == "as_optional_tensors" || kind == "as_optional_tensor") {
      auto one = [&](Json t) {
        Json tensor;
        return t["as_tensor"].get(tensor) ? Arg() : Arg(Ref{value(to_text(tensor["name"]))});
      };
      return kind == "as_optional_tensor" ? one(v) : list(one);
    }
    if (kind == "as_int") {
      // A float parameter given as an int is a float.
      if (type.substr(0, 5) == "float") return static_cast<double>(int64_t(v));
      return int64_t(v);
    }
    if (kind == "as_bool") return bool(v);
    if (kind == "as_float") {
      double d;
      if (!v.get(d)) return d;
      const std::string s = to_text(v);  // "Infinity", "-Infinity", "NaN"
      return s == "NaN" ? __builtin_nan("") : s[0] == '-' ? -__builtin_inf() : __builtin_inf();
    }
    if (kind == "as_string") return to_text(v);
    if (kind == "as_ints") return list([&](Json i) { return Arg(int64_t(i)); });
    if (kind == "as_floats") return list([&](Json f) { return Arg(double(f)); });
    if (kind == "as_bools") return list([&](Json b) { return Arg(bool(b)); });
    if (kind == "as_strings") return list([&](Json s) { return Arg(to_text(s)); });
    if (kind == "as_sym_int" || kind == "as_sym_bool" || kind == "as_sym_float") return symbolic_or(v, "");
    if (kind == "as_sym_ints" || kind == "as_sym_bools" || kind == "as_sym_floats")
      return list([&](Json i) { return symbolic_or(i, ""); });
    if (kind == "as_scalar_type") return static_cast<int64_t>(dtype_of(int64_t(v)));
    if (kind == "as_memory_format") return memory_format_of(int64_t(v));
    if (kind == "as_layout") return 0;    // strided, the only one there is
    if (kind == "as_device") return {};   // the device is where the program runs
    if (kind == "as_graph") return sub_graph(v);
    if (kind == "as_operator") return to_text(v);
    throw Refusal{Code::unsupported, "argument of kind " + std::string(kind)};
  }
  throw Refusal{Code::bad_file, "an empty argument"};
}

std::vector<Arg> GraphImporter::arguments(Json n, const OpInfo& op, Arg* out) {
  std::vector<Arg> args;
  std::vector<bool> given(op.schema.args.size());
  for (const ir::SchemaArg& a : op.schema.args) args.push_back(ir::default_arg(a));
  for (Json input : simdjson::dom::array(n["inputs"])) {
    const std::string name = to_text(input["name"]);
    int i = op.schema.index_of(name);
    // In-place forms call their first argument "self", whatever the functional form calls it.
    if (i < 0 && name == "self" && !op.schema.args.empty() && !given[0]) i = 0;
    if (i < 0 && out && name == "out") {
      *out = argument(input["arg"], "Tensor");
      continue;
    }
    if (i < 0) throw Refusal{Code::unsupported, std::string(op.name) + ": unknown argument \"" + name + "\""};
    args[i] = argument(input["arg"], op.schema.args[i].type);
    given[i] = true;
  }
  for (size_t i = 0; i < args.size(); ++i) {
    const ir::SchemaArg& a = op.schema.args[i];
    if (!given[i] && !a.has_default && a.type.find('?') == std::string::npos)
      throw Refusal{Code::bad_file, std::string(op.name) + ": argument \"" + a.name + "\" is missing"};
    // A single number where a list is wanted stands for a list of it.
    if (a.type.find("int[") != std::string::npos || a.type.find("Int[") != std::string::npos)
      if (args[i].integer()) args[i] = Arg::List{args[i]};
  }
  return args;
}

std::vector<std::string> GraphImporter::output_names(Json n) const {
  std::vector<std::string> names;
  for (Json out : simdjson::dom::array(n["outputs"])) {
    simdjson::dom::array list;
    if (!out["as_tensors"].get(list)) {
      for (Json t : list) names.push_back(to_text(t["name"]));
    } else if (!out["as_optional_tensors"].get(list)) {
      for (Json t : list) names.push_back(name_of_ref(t));
    } else {
      names.push_back(name_of_ref(out));
    }
  }
  return names;
}

void GraphImporter::bind_outputs(Json n, const std::vector<ValueId>& ids) {
  const std::vector<std::string> names = output_names(n);
  for (size_t i = 0; i < names.size() && i < ids.size(); ++i) {
    if (names[i].empty()) continue;
    graph_.values[ids[i]].name = names[i];
    define(names[i], ids[i]);
  }
}

uint32_t GraphImporter::origin(Json n) {
  Json metadata;
  if (n["metadata"].get(metadata)) return 0;
  ir::Origin o = parse_origin(text_or_empty(metadata, "stack_trace"), text_or_empty(metadata, "nn_module_stack"));
  if (graph_.origins.back() == o) return static_cast<uint32_t>(graph_.origins.size() - 1);
  graph_.origins.push_back(std::move(o));
  return static_cast<uint32_t>(graph_.origins.size() - 1);
}

void GraphImporter::nodes(Json body) {
  for (Json n : simdjson::dom::array(body["nodes"])) node(n);
}

void GraphImporter::node(Json n) {
  const std::string target = to_text(n["target"]);
  build_.origin = origin(n);
  try {
    if (target == "torch._functorch.predispatch.lazy_load_decompositions") return;  // prepares torch, computes nothing
    if (symbolic(n, target) || higher_order(n, target)) return;
    aten(n, target);
  } catch (Refusal& r) {
    if (const std::string& line = graph_.origins[build_.origin].line; !line.empty() && r.text.find(" (at ") == std::string::npos)
      r.text += " (at " + line + ")";
    throw;
  }
}

void GraphImporter::aten(Json n, std::string_view target) {
  if (!target.starts_with("torch.ops.")) throw Refusal{Code::unsupported, "unsupported operator " + std::string(target)};
  const std::string name = qualified(target);
  const OpInfo* op = ir::find_op_info(name);
  if (const OpInfo* twin = op ? functional_twin(name) : nullptr) return writing(n, *op, *twin);
  const std::string functional = op ? std::string() : functional_name(name);
  const bool in_place = !functional.empty();
  if (in_place) op = ir::find_op_info(functional);
  const bool out_form = !op && (op = functional_of_out(name)) != nullptr;
  if (!op) throw Refusal{Code::unsupported, "unsupported operator " + name};
  Arg out;
  std::vector<Arg> args = arguments(n, *op, out_form ? &out : nullptr);
  std::vector<Type> types;
  for (const std::string& result : output_names(n)) types.push_back(result.empty() ? Type() : type_of(result));
  if (autocast_) autocast(*op, types, args);
  const Arg self = out_form ? out : args.empty() ? Arg() : args[0];
  // In-place views (squeeze_, t_) and resize_ give the tensor other sizes; there is nothing to write.
  const bool renames = in_place && ((!op->schema.args.empty() && op->schema.args[0].aliases) ||
                                    functional == "aten::resize" || functional == "aten::resize_as");
  if ((in_place || out_form) && !renames && self.ref() && !types.empty()) {
    const ValueId result = build_.append(*op, std::move(args), types)[0];
    const OpInfo* copy = ir::find_op_info("aten::copy_");
    if (!copy) throw Refusal{Code::unsupported, "unsupported operator aten::copy_"};
    bind_outputs(n, build_.append(*copy, {self, Ref{result}, false}, {graph_.type(self.ref()->id)}));
    return;
  }
  bind_outputs(n, build_.append(*op, std::move(args), std::move(types)));
  // The name means the result from here on.
  if (renames && self.ref())
    for (auto& [known, id] : values_)
      if (id == self.ref()->id) id = graph_.nodes.back().outs[0];
}

bool GraphImporter::symbolic(Json n, std::string_view target) {
  static const std::unordered_map<std::string_view, const char*> kNames = {
      {"_operator.add", "add"},         {"_operator.sub", "sub"},         {"_operator.mul", "mul"},
      {"_operator.floordiv", "floordiv"}, {"_operator.truediv", "truediv"}, {"_operator.mod", "mod"},
      {"_operator.pow", "pow"},         {"_operator.neg", "neg"},         {"_operator.eq", "eq"},
      {"_operator.ne", "ne"},           {"_operator.lt", "lt"},           {"_operator.le", "le"},
      {"_operator.gt", "gt"},           {"_operator.ge", "ge"},           {"_operator.and_", "bitwise_and"},
      {"_operator.or_", "bitwise_or"},  {"math.trunc", "trunc"},          {"math.ceil", "ceil"},
      {"math.floor", "floor"},          {"builtins.round", "round"},      {"torch.sym_max", "sym_max"},
      {"torch.sym_min", "sym_min"},     {"torch.sym_not", "sym_not"},     {"torch.sym_float", "sym_float"},
      {"torch.sym_int", "sym_int"},     {"torch._sym_sqrt", "sym_sqrt"},  {"math.sqrt", "sym_sqrt"},
      {"_operator.pos", "sym_int"},     {"torch.ops.aten.sym_size.int", ""}, {"torch.ops.aten.sym_numel.default", ""}};
  const auto it = kNames.find(target);
  if (it == kNames.end()) return false;
  const std::string op_name = *it->second ? std::string("executorch_prim::") + it->second + ".Scalar" : qualified(target);
  const OpInfo* op = ir::find_op_info(op_name);
  std::vector<Arg> args;
  for (Json input : simdjson::dom::array(n["inputs"])) args.push_back(argument(input["arg"], ""));
  if (!op || args.size() != op->schema.args.size())
    throw Refusal{Code::unsupported, std::string(target) + " of " + std::to_string(args.size()) + " arguments"};
  const std::vector<std::string> names = output_names(n);
  if (names.size() != 1) throw Refusal{Code::bad_file, std::string(target) + " with other than one result"};
  bind_outputs(n, build_.append(*op, std::move(args), {type_of(names[0])}));
  return true;
}

}  // namespace portfire::import
