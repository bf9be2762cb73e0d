#include <map>

#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

using ir::Ref;
using ir::Type;
using ir::ValueId;


// Whether `op` gives back its first operand where the types are equal.
bool is_identity_like(std::string_view op) {
  for (const char* name : {"aten::_to_copy", "aten::clone", "aten::expand", "aten::view", "aten::permute", "aten::alias",
                           "aten::slice.Tensor", "aten::squeeze.dim", "aten::squeeze.dims", "aten::lift_fresh_copy",
                           "aten::repeat", "aten::constant_pad_nd"})
    if (op == name) return true;
  return false;
}

bool is_identity_permutation(const Arg& dims) {
  int64_t d = 0;
  for (const Arg& a : *dims.list())
    if (!a.integer() || *a.integer() != d++) return false;
  return true;
}

bool all_zero(const Arg& numbers) {
  return std::all_of(numbers.list()->begin(), numbers.list()->end(), [](const Arg& a) { return a.integer() && *a.integer() == 0; });
}

// A slice that keeps every element does so from the start with step 1. What is padded on one side may be cut on the other.
bool keeps_all(const Node& n, const std::vector<Arg>& args) {
  if (n.op->name == "aten::permute") return is_identity_permutation(args[1]);
  if (n.op->name == "aten::slice.Tensor") return args[4].integer() && *args[4].integer() == 1;
  if (n.op->name == "aten::constant_pad_nd") return all_zero(args[1]);
  return true;
}

std::string key_of(const Graph& g, const Arg& a) {
  if (a.ref()) return "%" + std::to_string(a.ref()->id);
  if (a.list()) {
    std::string s = "[";
    for (const Arg& item : *a.list()) s += key_of(g, item) + ",";
    return s + "]";
  }
  if (a.integer()) return "i" + std::to_string(*a.integer());
  if (a.boolean()) return *a.boolean() ? "T" : "F";
  if (a.real()) {
    char text[40];
    snprintf(text, sizeof text, "d%a", *a.real());
    return text;
  }
  if (a.string()) return "\"" + *a.string() + "\"";
  return a.none() ? "N" : "";
}

// x ^ e for the exponents that have an operator of their own, as ATen computes them.
std::optional<ir::Tensor> simple_power(Builder& b, const Type& type, const std::vector<Arg>& args) {
  const ir::Tensor x{&b, args[0].ref()->id};
  const double e = args[1].real() ? *args[1].real() : args[1].integer() ? static_cast<double>(*args[1].integer()) : 0;
  const DType self = b.graph().type(x.id).dtype;
  if (type.dtype != self || self == DType::boolean) return std::nullopt;
  if (e == 2) return x * x;
  if (e == 3) return x * x * x;
  if (!is_floating(self)) return std::nullopt;
  if (e == 0.5) return b("aten::sqrt", x);
  if (e == -0.5) return b("aten::rsqrt", x);
  if (e == -1) return b("aten::reciprocal", x);
  return std::nullopt;
}

bool is_pure(const Node& n) {
  if (!n.op->op || n.op->schema.returns.empty()) return false;
  return !n.op->op->random && n.op->name != "aten::copy_";
}

}  // namespace

Result<Graph> simplify(Graph graph) {
  PerGraph<std::map<std::string, std::vector<Arg>>> per_graph;  // common subexpressions
  Result<Graph> out = rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) -> std::optional<std::vector<Arg>> {
    auto& seen = per_graph.of(b);
    std::vector<Arg> results;
    std::string key;
    if (is_pure(n)) {
      key = std::string(n.op->name) + "(";
      for (const Arg& a : args) key += key_of(b.graph(), a) + ",";
      if (auto it = seen.find(key); it != seen.end()) return it->second;
    }
    if (is_identity_like(n.op->name) && args[0].ref() && keeps_all(n, args)) {
      const Type& from = b.graph().type(args[0].ref()->id);
      const Type to = b.hint ? *b.hint : Type();
      if (from == to && !from.unbounded) return std::vector<Arg>{args[0]};
    }
    if (n.op->name == "aten::pow.Tensor_Scalar" && b.hint)
      if (const auto power = simple_power(b, *b.hint, args)) return std::vector<Arg>{Ref{power->id}};
    if (key.empty()) return std::nullopt;
    results = b.call(*n.op, args);
    seen[key] = results;
    return results;
  });
  if (!out.ok()) return out.error();
  return eliminate_dead(*std::move(out));
}

}  // namespace portfire::passes
