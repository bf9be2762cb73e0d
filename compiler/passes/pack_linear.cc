// aten::linear, mm and addmm with constant f32 weights -> portfire::packed_linear, with the activation
// that follows and the residual that is added taken in. Weights are kept in f32 or rounded to bf16.
#include <map>
#include <set>

#include "compiler/passes/panels.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

using ir::Ref;
using ir::Type;
using ir::ValueId;

struct Call {
  ValueId x;
  Weights w;
  Arg bias;
};

bool match(const Graph& g, const Uses& uses, const Node& n, Call* out) {
  const bool linear = n.op->name == "aten::linear", mm = n.op->name == "aten::mm", addmm = n.op->name == "aten::addmm";
  if (!linear && !mm && !addmm) return false;
  const size_t x = addmm ? 1 : 0;
  out->x = n.args[x].ref()->id;
  if (g.type(out->x).dtype != DType::f32 || g.type(out->x).rank() < 1) return false;
  if (!find_weights(g, uses, n.args[x + 1].ref()->id, linear, &out->w)) return false;
  if (linear) out->bias = n.args[2];
  if (addmm) {
    if (!is_number(n.args[3], 1) || !is_number(n.args[4], 1)) return false;
    out->bias = n.args[0];
  }
  if (out->bias.ref()) {
    const Type& bias = g.type(out->bias.ref()->id);
    if (bias.dtype != DType::f32 || bias.rank() != 1 || bias.sizes[0] != ir::Dim(out->w.n) || !bias.is_contiguous()) return false;
  }
  return true;
}

Result<Graph> pack(Graph graph, Precision precision) {
  const Uses uses(graph);
  struct Tail {
    const Node* add = nullptr;
    const Node* activation = nullptr;
  };
  auto tail_of = [&](const Node& n) {
    Tail t;
    const Node* next = uses.only_user(n.outs[0]);
    if (next && next->op->name == "aten::add.Tensor" && next->args[2].integer() && *next->args[2].integer() == 1) {
      const bool first = next->args[0].ref() && next->args[0].ref()->id == n.outs[0];
      const Arg& other = next->args[first ? 1 : 0];
      if (other.ref() && other.ref()->id != n.outs[0] && graph.type(other.ref()->id).is_tensor() &&
          graph.type(other.ref()->id) == graph.type(n.outs[0]) && graph.type(other.ref()->id).is_contiguous())
        t.add = next;
    }
    const Node* last = t.add ? uses.only_user(t.add->outs[0]) : next;
    if (last && !activation_of(*last).empty()) t.activation = last;
    return t;
  };
  // The product is built where its tail ends, since the residual may be computed in between.
  std::map<const Node*, const Node*> ends;  // last node of a tail -> the product
  for (const Node& n : graph.nodes) {
    Call call;
    if (!match(graph, uses, n, &call)) continue;
    const Tail t = tail_of(n);
    const Node* end = t.activation ? t.activation : t.add ? t.add : &n;
    if (ends.count(end)) continue;  // both operands of an addition are products: one takes it
    ends[end] = &n;
  }
  std::set<const Node*> skipped;
  for (auto& [end, product] : ends)
    if (end != product) {
      skipped.insert(product);
      const Tail t = tail_of(*product);
      if (t.add && t.add != end) skipped.insert(t.add);
    }
  Builder b(&graph);
  const std::vector<Node> old = std::move(graph.nodes);
  graph.nodes.clear();
  // `old` keeps its addresses: `uses` and `ends` point into the moved storage.
  const ir::OpInfo* op = ir::find_op_info("portfire::packed_linear");
  for (const Node& n : old) {
    if (skipped.count(&n)) continue;
    auto it = ends.find(&n);
    if (it == ends.end()) {
      graph.nodes.push_back(n);
      continue;
    }
    const Node& product = *it->second;
    Call call;
    match(graph, uses, product, &call);
    const Tail t = &n == &product ? Tail() : tail_of(product);
    Arg residual;
    if (t.add) {
      const bool first = t.add->args[0].ref()->id == product.outs[0];
      residual = t.add->args[first ? 1 : 0];
    }
    const Arg weights = pack_panels(b, call.w, precision);
    graph.nodes.push_back({op, {Arg(Ref{call.x}), weights, call.bias, residual, call.w.n, std::string(t.activation ? activation_of(*t.activation) : "")},
                           n.outs, n.origin});
  }
  return eliminate_dead(std::move(graph));
}

}  // namespace

Result<Graph> pack_linear(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, pack_linear));
  return pack(std::move(graph), Precision::f32);
}
Result<Graph> pack_linear_bf16(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, pack_linear_bf16));
  return pack(std::move(graph), Precision::bf16);
}

}  // namespace portfire::passes
