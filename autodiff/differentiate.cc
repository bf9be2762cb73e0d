#include "autodiff/differentiate.h"

#include <algorithm>
#include <map>

#include "autodiff/control_flow.h"
#include "compiler/ir/gradient.h"
#include "compiler/passes/rewrite.h"
#include "ops/gradients.h"

namespace portfire::autodiff {

bool is_differentiable(const ir::Graph& g, ir::ValueId v) {
  return v != ir::kNoValue && g.type(v).is_tensor() && (is_floating(g.type(v).dtype) || is_complex(g.type(v).dtype));
}

namespace {

using ir::Arg;
using ir::Graph;
using ir::kNoValue;
using ir::Node;
using ir::Refusal;
using ir::Tensor;
using ir::ValueId;

// What the gradients are of.
std::vector<ValueId> sources(const Graph& g, const Problem& p) {
  std::vector<ValueId> out;
  for (size_t i : p.inputs) out.push_back(g.inputs[i].value);
  for (size_t i : p.buffers) out.push_back(g.buffers[i].value);
  return out;
}

// The floating values on which `from` have an influence.
std::vector<bool> influenced(const Graph& g, const std::vector<ValueId>& from) {
  std::vector<bool> varies(g.values.size());
  for (ValueId v : from) varies[v] = true;
  for (const Node& n : g.nodes) {
    bool any = false;
    for_each_ref(n, [&](ValueId v) { any |= varies[v]; });
    for (ValueId v : n.outs) varies[v] = any && is_differentiable(g, v);
  }
  return varies;
}

// The nodes between the two: gradients go back through them.
std::vector<bool> on_the_path(const Graph& g, const Problem& p) {
  const std::vector<bool> varies = influenced(g, sources(g, p));
  std::vector<bool> needed(g.values.size()), path(g.nodes.size());
  for (size_t k : p.outputs)
    if (g.outputs[k].value != kNoValue) needed[g.outputs[k].value] = true;
  for (size_t n = g.nodes.size(); n-- > 0;) {
    const Node& node = g.nodes[n];
    path[n] = std::any_of(node.outs.begin(), node.outs.end(), [&](ValueId v) { return varies[v] && needed[v]; });
    if (path[n]) for_each_ref(node, [&](ValueId v) { needed[v] = needed[v] || varies[v]; });
  }
  return path;
}

// Whether the rule of `n` gives all the gradients that are wanted.
bool has_rule(const Node& n, const std::vector<bool>& varies) {
  if (!n.op->gradient) return false;
  const int without = n.op->schema.index_of(n.op->gradient_without);
  const ir::Ref* r = without < 0 ? nullptr : n.args[static_cast<size_t>(without)].ref();
  return !r || r->id >= varies.size() || !varies[r->id];
}

// Decomposes what has no rule, until all on the path has one or nothing more can be done: some operators decompose into
// themselves, with other arguments.
Result<Graph> expand(Graph g, const Problem& p) {
  constexpr int kRounds = 16;
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<bool> path = on_the_path(g, p), varies = influenced(g, sources(g, p));
    const auto wanted = [&](const Node& n) {
      const auto index = static_cast<size_t>(&n - g.nodes.data());
      return index < path.size() && path[index] && !has_rule(n, varies) && n.op->decompose;
    };
    if (std::none_of(g.nodes.begin(), g.nodes.end(), wanted)) return g;
    const auto visit = [&](ir::Builder& b, const Node& n, std::vector<Arg>& args) -> std::optional<std::vector<Arg>> {
      if (!wanted(n)) return std::nullopt;
      return b.decomposed(*n.op, std::move(args));
    };
    PF_ASSIGN(Graph next, passes::rewrite(g, visit));
    g = std::move(next);
  }
  return g;
}

class Reverse {
 public:
  Reverse(Graph* graph, const Problem& p) : graph_(*graph), p_(p), build_(graph), varies_(influenced(*graph, sources(*graph, p))) {}

  std::vector<ValueId> run() {
    const size_t nodes = graph_.nodes.size();
    seed();
    const std::vector<ValueId> sources = autodiff::sources(graph_, p_);
    const std::vector<std::vector<size_t>> completed = completed_at(sources, nodes);
    for (size_t n = nodes; n-- > 0;) {
      visit(n);
      for (size_t s : completed[n]) report(s, sources[s]);
    }
    for (size_t s : completed[nodes]) report(s, sources[s]);
    std::vector<ValueId> out;
    build_.origin = 0;
    if (!p_.on_gradient)
      for (ValueId v : sources) out.push_back(gradient_of(v));
    return out;
  }

 private:
  // By node: the sources of which it is the first user, whose gradients are complete once it was visited. Those without: last.
  std::vector<std::vector<size_t>> completed_at(const std::vector<ValueId>& sources, size_t nodes) const {
    std::vector<size_t> first(graph_.values.size(), nodes);
    for (size_t n = nodes; n-- > 0;) for_each_ref(graph_.nodes[n], [&](ValueId v) { first[v] = n; });
    std::vector<std::vector<size_t>> out(nodes + 1);
    for (size_t s = 0; s < sources.size(); ++s) out[first[sources[s]]].push_back(s);
    return out;
  }

  void report(size_t source, ValueId v) {
    if (!p_.on_gradient) return;
    const auto it = gradients_.find(v);
    p_.on_gradient(build_, source, it == gradients_.end() ? kNoValue : it->second.id);
  }

  void seed() {
    for (size_t k = 0; k < p_.outputs.size(); ++k) {
      const ValueId v = graph_.outputs[p_.outputs[k]].value;
      if (!is_differentiable(graph_, v)) throw Refusal{Code::bad_argument, "output " + std::to_string(p_.outputs[k]) + " has no gradient (expected a floating tensor)"};
      ir::Type type = graph_.type(v);
      type.strides.clear();
      if (p_.seeds == Problem::Seeds::ones) {
        if (varies_[v]) add(v, build_.full(build_.sizes({&build_, v}), 1.0, type.dtype));
        continue;
      }
      const std::string name = "seed_" + std::to_string(k);
      const ValueId seed = graph_.add_value(std::move(type), name);
      graph_.inputs.push_back({seed, name});
      if (varies_[v]) add(v, {&build_, seed});
    }
  }

  void add(ValueId v, Tensor gradient) {
    const auto [it, fresh] = gradients_.try_emplace(v, gradient);
    if (!fresh) it->second = it->second + gradient;
  }

  void visit(size_t index) {
    const Node& node = graph_.nodes[index];
    std::vector<Tensor> grads;
    bool any = false;
    for (ValueId v : node.outs) {
      const auto it = gradients_.find(v);
      grads.push_back(it == gradients_.end() ? Tensor{} : it->second);
      any |= static_cast<bool>(grads.back());
    }
    if (!any) return;
    build_.origin = node.origin;
    const std::string name(node.op->name);
    try {
      const bool flow = is_control_flow(node);
      if (name == "portfire::while_loop") throw Refusal{Code::unsupported, "while_loop is not differentiable: how often it runs is not known when compiling"};
      if (!flow && !node.op->gradient) throw Refusal{Code::unsupported, "has no gradient"};
      for (const auto& [v, gradient] : flow ? control_flow_gradients(build_, index, grads, varies_) : build_.ask(node, std::move(grads), varies_)) add(v, gradient);
    } catch (Refusal& r) {
      const ir::Origin& o = graph_.origins[build_.origin];
      if (r.text.find(name) != 0) r.text = name + ": " + r.text;
      if (!o.line.empty() && r.text.find(" (at ") == std::string::npos) r.text += " (at " + o.line + ")";
      throw;
    }
  }

  ValueId gradient_of(ValueId v) {
    if (const auto it = gradients_.find(v); it != gradients_.end()) return it->second.id;
    return ops::zeros_like(build_, Tensor{&build_, v}, graph_.type(v).dtype).id;
  }

  Graph& graph_;
  const Problem& p_;
  ir::Gradient build_;
  const std::vector<bool> varies_;
  std::map<ValueId, Tensor> gradients_;
};

}  // namespace

Result<Differentiated> differentiate(Graph graph, const Problem& problem) {
  PF_ASSIGN(Graph expanded, expand(std::move(graph), problem));
  Differentiated d{std::move(expanded), {}};
  d.forward = d.graph.nodes.size();
  try {
    d.gradients = Reverse(&d.graph, problem).run();
  } catch (const Refusal& r) {
    return Error::make(r.code, "%s", r.text.c_str());
  }
  return d;
}

Result<Graph> vector_jacobian_product(Graph graph, const Problem& problem) {
  PF_ASSIGN(Differentiated d, differentiate(std::move(graph), problem));
  std::vector<std::string> names;
  for (size_t i : problem.inputs) names.push_back(d.graph.inputs[i].name);
  for (size_t i : problem.buffers) names.push_back(d.graph.buffers[i].name);
  for (size_t i = 0; i < names.size(); ++i) d.graph.outputs.push_back({d.gradients[i], "grad_" + names[i], {}});
  d.graph.input_structure.clear();  // were those of the model
  d.graph.output_structure.clear();
  return std::move(d.graph);
}

}  // namespace portfire::autodiff
