#include "autodiff/control_flow.h"

#include <algorithm>
#include <string>

#include "autodiff/differentiate.h"
#include "compiler/passes/rewrite.h"
#include "ops/gradients.h"

namespace portfire::autodiff {
namespace {

using ir::Arg;
using ir::Graph;
using ir::Node;
using ir::Ref;
using ir::Refusal;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

Type contiguous(Type t) {
  t.strides.clear();
  return t;
}

Differentiated differentiated(const Graph& graph, const Problem& p) {
  Result<Differentiated> d = differentiate(graph, p);
  if (!d.ok()) throw Refusal{d.error().code(), d.error().text()};
  return *std::move(d);
}

// The numbers of the operands whose gradients are asked for.
std::vector<size_t> asked_for(const Arg::List& operands, const std::vector<bool>& varies) {
  std::vector<size_t> out;
  for (size_t i = 0; i < operands.size(); ++i)
    if (const Ref* r = operands[i].ref(); r && r->id < varies.size() && varies[r->id]) out.push_back(i);
  return out;
}

// --- cond ---

Arg branch(const Graph& graph, const Problem& p) {
  Differentiated d = differentiated(graph, p);
  ir::Builder build(&d.graph);
  d.graph.outputs.clear();
  for (ValueId v : d.gradients) d.graph.outputs.push_back({build.contiguous({&build, v}).id, "gradient", {}});
  return std::make_shared<Graph>(passes::eliminate_dead(std::move(d.graph)));
}

Answer choose(ir::Gradient& build, const Node& node, const std::vector<Tensor>& grads, const std::vector<bool>& varies) {
  Arg::List operands = *node.args[3].list();
  const Arg::List given = operands;
  Problem p{{}, asked_for(operands, varies), {}};
  std::vector<Type> types;
  for (size_t i : p.inputs) types.push_back(contiguous(build.graph().type(given[i].ref()->id)));
  for (size_t k = 0; k < grads.size(); ++k)
    if (grads[k]) {
      p.outputs.push_back(k);
      operands.push_back(grads[k]);
    }
  const std::vector<ValueId> out =
      build.append(*node.op, {node.args[0], branch(**node.args[1].graph(), p), branch(**node.args[2].graph(), p), std::move(operands)}, std::move(types));
  Answer answer;
  for (size_t i = 0; i < out.size(); ++i) answer.emplace_back(given[p.inputs[i]].ref()->id, Tensor{&build, out[i]});
  return answer;
}

// --- scan ---

// A scan on its way back: what it carries are the gradients of what the scan carried, and sums for the additional operands.
class Unwound {
 public:
  Unwound(ir::Gradient& build, size_t index, const std::vector<Tensor>& grads, const std::vector<bool>& varies)
      : build_(build), grads_(grads), varies_(varies), node_(build.graph().nodes[index]), body_(**node_.args[0].graph()), init_(*node_.args[1].list()),
        xs_(*node_.args[2].list()), additional_(*node_.args[3].list()) {
    keep_carried(index);
  }

  Answer run() {
    Problem p;
    for (size_t k = 0; k < init_.size(); ++k)
      if (carries_gradient(k)) p.outputs.push_back(k), p.inputs.push_back(k), carried_.push_back(k);
    for (size_t k = init_.size(); k < grads_.size(); ++k)
      if (grads_[k]) p.outputs.push_back(k), stacked_.push_back(k);
    const std::vector<size_t> of_xs = asked_for(xs_, varies_), of_additional = asked_for(additional_, varies_);
    for (size_t i : of_xs) p.inputs.push_back(init_.size() + i);
    for (size_t i : of_additional) p.inputs.push_back(init_.size() + xs_.size() + i);
    Differentiated d = differentiated(body_, p);
    const std::vector<Type> types = turn(d, of_xs.size(), of_additional);

    // Operands: gradients carried so far, sums; then, backwards, what each step had; then what all steps had.
    Arg::List init, xs;
    for (size_t k : carried_) init.push_back(grads_[k] ? grads_[k] : zeros(node_.outs[k]));
    for (size_t i : of_additional) init.push_back(zeros(additional_[i].ref()->id));
    for (const Arg& x : xs_) xs.push_back(backwards({&build_, x.ref()->id}));
    for (Tensor t : kept_) xs.push_back(backwards(t));
    for (size_t k : stacked_) xs.push_back(backwards(grads_[k]));
    const std::vector<ValueId> out =
        build_.append(*node_.op, {std::make_shared<Graph>(passes::eliminate_dead(std::move(d.graph))), std::move(init), std::move(xs), Arg(additional_)}, types);

    Answer answer;
    size_t at = 0;
    for (size_t k : carried_) give(answer, init_[k], {&build_, out[at++]});
    for (size_t i : of_additional) give(answer, additional_[i], {&build_, out[at++]});
    for (size_t i : of_xs) give(answer, xs_[i], backwards({&build_, out[at++]}));
    return answer;
  }

 private:
  bool carries_gradient(size_t k) const {
    return is_differentiable(body_, body_.inputs[k].value) && is_differentiable(body_, body_.outputs[k].value);
  }
  Tensor zeros(ValueId like) { return ops::zeros_like(build_, Tensor{&build_, like}, build_.graph().type(like).dtype); }
  Tensor backwards(Tensor t) { return build_("aten::flip", t, std::vector<int64_t>{0}); }
  void give(Answer& answer, const Arg& to, Tensor gradient) const {
    if (const Ref* r = to.ref(); r && r->id < varies_.size() && varies_[r->id]) answer.emplace_back(r->id, gradient);
  }

  // The node's body gives what it was carried, too.
  void keep_carried(size_t index) {
    Graph& g = build_.graph();
    const auto length = g.type(xs_.at(0).ref()->id).sizes.at(0);
    auto body = std::make_shared<Graph>(body_);
    for (size_t k = 0; k < init_.size(); ++k) {
      const ValueId v = body_.inputs[k].value;
      body->outputs.push_back({v, "carried", {}});
      Type type = contiguous(body_.type(v));
      if (!type.is_tensor()) throw Refusal{Code::unsupported, "has no gradient where it carries a number"};
      type.sizes.insert(type.sizes.begin(), length);
      const ValueId kept = g.add_value(std::move(type), "carried");
      g.nodes[index].outs.push_back(kept);
      kept_.push_back({&build_, kept});
    }
    g.nodes[index].args[0] = body;
  }

  // d's graph as the body of the way back; the types of its results.
  std::vector<Type> turn(Differentiated& d, size_t of_xs, const std::vector<size_t>& of_additional) {
    Graph& g = d.graph;
    ir::Builder build(&g);
    const size_t carried = init_.size(), xs = xs_.size(), all = carried + xs + additional_.size();
    std::vector<ir::Input> inputs;
    std::vector<Tensor> sums;
    for (size_t s = 0; s < carried_.size(); ++s) inputs.push_back(g.inputs[all + s]);
    for (size_t i : of_additional) {
      sums.push_back({&build, g.add_value(contiguous(g.type(g.inputs[carried + xs + i].value)), "sum")});
      inputs.push_back({sums.back().id, "sum"});
    }
    inputs.insert(inputs.end(), g.inputs.begin() + static_cast<std::ptrdiff_t>(carried), g.inputs.begin() + static_cast<std::ptrdiff_t>(carried + xs));
    inputs.insert(inputs.end(), g.inputs.begin(), g.inputs.begin() + static_cast<std::ptrdiff_t>(carried));
    for (size_t s = 0; s < stacked_.size(); ++s) inputs.push_back(g.inputs[all + carried_.size() + s]);
    inputs.insert(inputs.end(), g.inputs.begin() + static_cast<std::ptrdiff_t>(carried + xs), g.inputs.begin() + static_cast<std::ptrdiff_t>(all));
    g.inputs = std::move(inputs);

    std::vector<Tensor> results;
    for (size_t s = 0; s < carried_.size(); ++s) results.push_back({&build, d.gradients[s]});
    for (size_t s = 0; s < sums.size(); ++s) results.push_back(sums[s] + Tensor{&build, d.gradients[carried_.size() + of_xs + s]});
    for (size_t s = 0; s < of_xs; ++s) results.push_back({&build, d.gradients[carried_.size() + s]});
    g.outputs.clear();
    std::vector<Type> types;
    const auto length = build_.graph().type(xs_.at(0).ref()->id).sizes.at(0);
    for (size_t s = 0; s < results.size(); ++s) {
      g.outputs.push_back({build.contiguous(results[s]).id, "gradient", {}});
      types.push_back(contiguous(results[s].type()));
      if (s >= carried_.size() + sums.size()) types.back().sizes.insert(types.back().sizes.begin(), length);
    }
    return types;
  }

  ir::Gradient& build_;
  const std::vector<Tensor>& grads_;
  const std::vector<bool>& varies_;
  const Node node_;
  const Graph body_;
  const Arg::List init_, xs_, additional_;
  std::vector<Tensor> kept_;               // what each step was carried
  std::vector<size_t> carried_, stacked_;  // results of the body whose gradients go back
};

}  // namespace

bool is_control_flow(const Node& node) { return node.op->name == "portfire::cond" || node.op->name == "portfire::scan"; }

Answer control_flow_gradients(ir::Gradient& build, size_t index, const std::vector<Tensor>& grads, const std::vector<bool>& varies) {
  const Node node = build.graph().nodes[index];  // nodes are appended meanwhile
  return node.op->name == "portfire::cond" ? choose(build, node, grads, varies) : Unwound(build, index, grads, varies).run();
}

}  // namespace portfire::autodiff
