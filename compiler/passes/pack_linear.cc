// aten::linear, mm and addmm with constant f32 weights -> portfire::packed_linear, with the activation
// that follows and the residual that is added taken in.
#include <map>
#include <set>

#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "ops/packed_linear.h"

namespace portfire::passes {
namespace {

using ir::Ref;
using ir::Tensor;
using ir::Type;
using ir::ValueId;
using ops::packed_linear::kPanel;

// W as rows of outputs: element (j, i) at data[j * row + i * column].
struct Weights {
  const float* data;
  int64_t n, k, row, column;
};

// `v` as n x k weights where it is a constant, or the transpose of one.
bool find_weights(const Graph& g, const Uses& uses, ValueId v, bool n_first, Weights* out) {
  const Node* view = uses.producer(v);
  bool transposed = false;
  if (view && view->op->name == "aten::permute" && g.type(v).rank() == 2) {
    transposed = *(*view->args[1].list())[0].integer() == 1;
    v = view->args[0].ref()->id;
  }
  const ir::Constant* c = constant_of(g, v);
  const Type& t = g.type(v);
  if (!c || t.dtype != DType::f32 || t.rank() != 2 || !t.is_static()) return false;
  const int64_t rows = t.sizes[0].at[0], columns = t.sizes[1].at[0];
  const bool n_is_rows = n_first != transposed;
  *out = {static_cast<const float*>(c->data), n_is_rows ? rows : columns, n_is_rows ? columns : rows, n_is_rows ? columns : 1, n_is_rows ? 1 : columns};
  return out->n > 0 && out->k > 0;
}

Tensor pack(Builder& b, const Weights& w) {
  const int64_t panels = (w.n + kPanel - 1) / kPanel;
  const Type type = Type::tensor(DType::f32, {panels, w.k, kPanel});
  auto bytes = std::make_shared<std::vector<float>>(static_cast<size_t>(panels * w.k * kPanel));
  for (int64_t p = 0; p < panels; ++p) {
    float* panel = bytes->data() + p * w.k * kPanel;
    const int64_t width = std::min(kPanel, w.n - p * kPanel);
    constexpr int64_t kBlock = 16;  // lines of both sides stay in L1 while transposing
    for (int64_t i0 = 0; i0 < w.k; i0 += kBlock)
      for (int64_t j = 0; j < width; ++j) {
        const float* from = w.data + (p * kPanel + j) * w.row;
        for (int64_t i = i0; i < std::min(w.k, i0 + kBlock); ++i) panel[i * kPanel + j] = from[i * w.column];
      }
  }
  auto c = std::make_shared<ir::Constant>();
  c->data = bytes->data();
  c->bytes = bytes->size() * sizeof(float);
  c->owner = bytes;
  const ValueId id = b.graph().add_value(type, "packed");
  b.graph().values[id].constant = std::move(c);
  return {&b, id};
}

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
    auto one = [](const Arg& a) { return (a.integer() && *a.integer() == 1) || (a.real() && *a.real() == 1); };
    const Type& bias = g.type(n.args[0].ref()->id);
    if (!one(n.args[3]) || !one(n.args[4]) || bias.rank() != 1 || bias.dtype != DType::f32) return false;
    if (bias.sizes[0] != ir::Dim(out->w.n)) return false;
    out->bias = n.args[0];
  }
  if (out->bias.ref()) {
    const Type& bias = g.type(out->bias.ref()->id);
    if (bias.dtype != DType::f32 || bias.rank() != 1 || !bias.is_contiguous()) return false;
  }
  return true;
}

}  // namespace

Result<Graph> pack_linear(Graph graph) {
  for (Node& n : graph.nodes)
    for (Arg& a : n.args)
      if (const auto* inner = a.graph()) {
        PF_ASSIGN(Graph done, pack_linear(**inner));
        a = std::make_shared<Graph>(std::move(done));
      }
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
    const Arg weights = pack(b, call.w);
    graph.nodes.push_back({op, {Arg(Ref{call.x}), weights, call.bias, residual, call.w.n, std::string(t.activation ? activation_of(*t.activation) : "")},
                           n.outs, n.origin});
  }
  return eliminate_dead(std::move(graph));
}

}  // namespace portfire::passes
