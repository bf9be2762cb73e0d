#include <algorithm>
#include <set>

#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "ops/element.h"
#include "ops/pointwise_program.h"

namespace portfire::passes {
namespace {

using ir::kNoValue;
using ir::OpInfo;
using ir::Ref;
using ir::Type;
using ir::ValueId;
using ops::PointwiseRule;

// A chain being collected: inputs, and steps over registers (inputs first).
struct Chain {
  std::vector<ValueId> inputs;
  std::vector<std::string> steps;       // operands as "$i" (input i) or "@k" (step k) or "#literal"
  std::vector<DType> dtypes;            // result of each step
  std::vector<ValueId> inlined;         // values that are steps here
};

// The pointwise table entry that an ATen operator is, and how many leading arguments are operands.
const ops::Pointwise* entry_of(const OpInfo& op) {
  std::string_view name = op.name;
  name.remove_prefix(std::min(name.size(), name.find("::") + 2));
  name = name.substr(0, name.find('.'));
  if (!op.name.starts_with("aten::") && !op.name.starts_with("portfire::")) return nullptr;
  const ops::Pointwise* p = ops::find_pointwise(name);
  // The overload must be one whose leading arguments are the operands.
  if (!p || op.schema.returns.size() != 1 || op.schema.args.size() < p->arity) return nullptr;
  for (size_t i = 0; i < op.schema.args.size(); ++i) {
    const std::string& t = op.schema.args[i].type;
    const bool operand = t == "Tensor" || t == "Scalar";
    if (i < p->arity ? !operand : op.schema.args[i].name != "alpha") return nullptr;
  }
  return p;
}

std::string literal(const Arg& a, DType dtype) {
  char text[48];
  if (is_floating(dtype))
    snprintf(text, sizeof text, "#%a", a.real() ? *a.real() : a.integer() ? static_cast<double>(*a.integer()) : *a.boolean() ? 1.0 : 0.0);
  else
    snprintf(text, sizeof text, "#%lld", static_cast<long long>(a.integer() ? *a.integer() : a.boolean() ? *a.boolean() : static_cast<int64_t>(*a.real())));
  return text;
}

class Fuser {
 public:
  explicit Fuser(const Graph& g) : g_(g), chain_(g.values.size()), uses_(g.values.size()) {
    for (const Node& n : g.nodes) for_each_ref(n, [&](ValueId v) { ++uses_[v]; });
    for (const ir::Output& o : g.outputs)
      if (o.value != kNoValue) uses_[o.value] += 2;
    for (const ir::Buffer& b : g.buffers)
      if (b.update != kNoValue) uses_[b.update] += 2;
    for (const ir::InputMutation& m : g.input_mutations) uses_[m.value] += 2;
    for (const Node& n : g.nodes) collect(n);
    decide();
  }

  // The program that computes `v`, or null where `v` is not the end of a chain.
  const Chain* end_of_chain(ValueId v) const { return chain_[v] && keep_.count(v) ? &*chain_[v] : nullptr; }
  bool absorbed(ValueId v) const { return chain_[v] && !keep_.count(v); }

 private:
  // How an operand enters a chain: as the steps that compute it, where it is only used here and its
  // shape is the result's (recomputing a broadcast operand would cost more than reading it).
  bool can_inline(ValueId v, const Type& result) const {
    return chain_[v] && uses_[v] == 1 && g_.type(v).sizes == result.sizes;
  }

  void collect(const Node& n) {
    if (n.outs.size() != 1) return;
    const ValueId out = n.outs[0];
    const Type& type = g_.type(out);
    if (!type.is_tensor() || is_complex(type.dtype) || type.dtype == DType::u32 || type.dtype == DType::u64 || type.dtype == DType::u16) return;
    const bool cast = n.op->name == "aten::_to_copy";
    const ops::Pointwise* p = cast ? nullptr : entry_of(*n.op);
    if (!p && !cast) return;
    Chain chain;
    DType common = type.dtype;
    const size_t arity = cast ? 1 : p->arity;
    if (!cast) {
      ops::Promotion promotion;
      for (size_t i = p->rule == PointwiseRule::first; i < arity; ++i)
        if (!add_to(promotion, n.args[i])) return;
      common = promotion.result();
      if (p->rule == PointwiseRule::floating) common = ops::float_of(common);
      if (is_complex(common)) return;
    } else if (!n.args[0].ref() || is_complex(g_.type(n.args[0].ref()->id).dtype)) {
      return;
    }
    std::string step = (cast ? std::string("cast") : std::string(p->name)) + "." + name_of(common);
    const bool scaled = !cast && n.args.size() > arity && !is_number(n.args[arity], 1);
    for (size_t i = 0; i < arity; ++i) {
      const bool any_dtype = cast || (p->rule == PointwiseRule::first && i == 0);
      std::string operand;
      if (n.args[i].ref()) {
        const ValueId v = n.args[i].ref()->id;
        if (!g_.type(v).is_tensor()) return;
        operand = append(chain, v, type);
        if (operand.empty()) return;
        if (!any_dtype && g_.type(v).dtype != common) operand = push(chain, "cast." + std::string(name_of(common)) + " " + operand, common);
      } else {
        if (any_dtype) return;
        operand = literal(n.args[i], common);
      }
      if (scaled && i + 1 == arity) {
        if (n.args[arity].ref()) return;
        if (operand[0] == '#') return;
        operand = push(chain, "mul." + std::string(name_of(common)) + " " + operand + " " + literal(n.args[arity], common), common);
      }
      step += " " + operand;
    }
    push(chain, step, !cast && p->rule == PointwiseRule::predicate ? DType::boolean : common);
    if (chain.dtypes.back() != type.dtype) return;
    if (chain.steps.size() > ops::pointwise_program::kMaxSteps || chain.inputs.size() > ops::pointwise_program::kMaxInputs) {
      // Too long: operands stay values of their own.
      return;
    }
    if (chain.inputs.empty()) return;
    inlined_.insert(chain.inlined.begin(), chain.inlined.end());
    chain_[out] = std::move(chain);
  }

  bool add_to(ops::Promotion& promotion, const Arg& a) const {
    if (a.ref()) {
      const Type& t = g_.type(a.ref()->id);
      if (!t.is_tensor()) return false;
      promotion.add(view_shape(t));
      return true;
    }
    if (a.integer()) promotion.add(Scalar{Value::Kind::integer, *a.integer(), 0});
    else if (a.boolean()) promotion.add(Scalar{Value::Kind::boolean, *a.boolean(), 0});
    else if (a.real()) promotion.add(Scalar{Value::Kind::real, 0, *a.real()});
    else return false;
    return true;
  }
  static TensorView view_shape(const Type& t) {
    TensorView v;
    v.dtype = t.dtype;
    v.shape.rank = t.rank();
    return v;
  }

  static std::string push(Chain& c, std::string step, DType dtype) {
    c.steps.push_back(std::move(step));
    c.dtypes.push_back(dtype);
    return "@" + std::to_string(c.steps.size() - 1);
  }
  static std::string input(Chain& c, ValueId v) {
    auto it = std::find(c.inputs.begin(), c.inputs.end(), v);
    if (it == c.inputs.end()) it = c.inputs.insert(it, v);
    return "$" + std::to_string(it - c.inputs.begin());
  }

  // The register that holds `v`: an input, or the last of the steps that compute it.
  std::string append(Chain& c, ValueId v, const Type& result) {
    const Type& t = g_.type(v);
    if (t.dtype == DType::u16 || t.dtype == DType::u32 || t.dtype == DType::u64 || is_complex(t.dtype)) return {};
    if (!can_inline(v, result)) return input(c, v);
    const Chain& inner = *chain_[v];
    // Within the limits of one program?
    std::set<ValueId> all(c.inputs.begin(), c.inputs.end());
    all.insert(inner.inputs.begin(), inner.inputs.end());
    if (c.steps.size() + inner.steps.size() + 4 > ops::pointwise_program::kMaxSteps || all.size() + 2 > ops::pointwise_program::kMaxInputs)
      return input(c, v);
    const size_t base = c.steps.size();
    for (size_t k = 0; k < inner.steps.size(); ++k) {
      std::string renamed;
      const std::string& s = inner.steps[k];
      for (size_t at = 0; at < s.size();) {
        if (s[at] != '$' && s[at] != '@') {
          renamed += s[at++];
          continue;
        }
        size_t end;
        const size_t n = std::stoul(s.substr(at + 1), &end);
        renamed += s[at] == '$' ? input(c, inner.inputs[n]) : "@" + std::to_string(base + n);
        at += 1 + end;
      }
      push(c, std::move(renamed), inner.dtypes[k]);
    }
    c.inlined.push_back(v);
    return "@" + std::to_string(c.steps.size() - 1);
  }

  // Chains whose only use was inlined disappear.
  void decide() {
    for (ValueId v = 0; v < chain_.size(); ++v)
      if (chain_[v] && !inlined_.count(v)) keep_.insert(v);
  }

  const Graph& g_;
  std::vector<std::optional<Chain>> chain_;
  std::vector<int> uses_;
  std::set<ValueId> inlined_, keep_;
};

std::string program_text(const Chain& c) {
  std::string out;
  for (const std::string& s : c.steps) {
    if (!out.empty()) out += "; ";
    for (size_t at = 0; at < s.size();) {
      if (s[at] != '$' && s[at] != '@') {
        out += s[at++];
        continue;
      }
      size_t end;
      const size_t n = std::stoul(s.substr(at + 1), &end);
      out += std::to_string(s[at] == '$' ? n : c.inputs.size() + n);
      at += 1 + end;
    }
  }
  return out;
}

}  // namespace

Result<Graph> fuse_pointwise(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, fuse_pointwise));
  const Fuser fuser(graph);
  const OpInfo* pointwise = ir::find_op_info("portfire::pointwise");
  std::vector<Node> nodes;
  for (Node& n : graph.nodes) {
    if (n.outs.size() == 1) {
      if (fuser.absorbed(n.outs[0])) continue;
      if (const Chain* c = fuser.end_of_chain(n.outs[0])) {
        Arg::List inputs;
        for (ValueId v : c->inputs) inputs.push_back(Ref{v});
        nodes.push_back({pointwise, {Arg(inputs), program_text(*c)}, n.outs, n.origin});
        continue;
      }
    }
    nodes.push_back(std::move(n));
  }
  graph.nodes = std::move(nodes);
  return graph;
}

}  // namespace portfire::passes
