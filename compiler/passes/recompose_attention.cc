// Attention that was decomposed, or written by hand, becomes aten::scaled_dot_product_attention again:
//   softmax(a q (b k)^T [* or / c] [+ mask]) v,   as products of batches that views take apart.
// With a mask only where rows that it hides wholly give zeros, as decomposing leaves it.
#include <cmath>

#include "compiler/ir/infer.h"
#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

using ir::Ref;
using ir::Type;
using ir::ValueId;

class Matcher {
 public:
  explicit Matcher(const Graph& graph) : g_(graph), uses_(graph) {}

  // Operands of attention whose result, as [batch * heads, queries, depth], is that of the product `n`.
  bool match(const Node& n) {
    if (n.op->name != "aten::bmm" || g_.type(n.outs[0]).dtype != DType::f32) return false;
    scale_ = 1;
    mask_ = Arg();
    bool safe = false;
    const Node* p = made_by(through_views(id(n.args[0])));
    if (!p || !uses_.only_user(p->outs[0])) return false;  // somebody wants the weights themselves
    if (p->op->name == "aten::where.self" && hides_rows(*p, &safe)) p = made_by(id(p->args[2]));
    if (!p || p->op->name != "aten::_softmax") return false;
    const ValueId scores = id(p->args[0]);
    const int64_t dim = *p->args[1].integer(), rank = g_.type(scores).rank();
    if (dim != -1 && dim != rank - 1) return false;
    if (safe && hidden_of_ != scores) return false;
    return match_scores(scores, safe) && (v_ = through_views(id(n.args[1])), same_batches());
  }

  // The keys are `key_source` with its dimensions in the order `key_order`; that is empty where they are it.
  ValueId key_source() const { return k_; }
  const std::vector<int64_t>& key_order() const { return k_order_; }
  std::vector<Arg> arguments(ValueId keys) const { return {Ref{q_}, Ref{keys}, Ref{v_}, mask_, 0.0, false, scale_, false}; }
  Type result() const {
    Type t = Type::tensor(DType::f32, g_.type(q_).sizes);
    t.sizes.back() = g_.type(v_).sizes.back();
    t.unbounded = g_.type(q_).unbounded;
    return t;
  }

 private:
  static ValueId id(const Arg& a) { return a.ref() ? a.ref()->id : ir::kNoValue; }
  const Node* made_by(ValueId v) const { return v == ir::kNoValue ? nullptr : uses_.producer(v); }

  // What `v` is a batch of: copies, and views of [b, h, ...] as [b * h, ...] are looked through.
  ValueId through_views(ValueId v) const {
    for (const Node* n = made_by(v); n && (n->op->name == "aten::view" || n->op->name == "aten::expand" || n->op->name == "aten::clone"); n = made_by(v)) {
      const Type &to = g_.type(v), &from = g_.type(id(n->args[0]));
      const auto last = [](const Type& t, int k) { return t.sizes[static_cast<size_t>(t.rank() - k)]; };
      if (to.rank() < 3 || from.rank() < 3 || last(to, 1) != last(from, 1) || last(to, 2) != last(from, 2) || to.numel() != from.numel()) break;
      v = id(n->args[0]);
    }
    return v;
  }

  // x times or divided by a number: takes the number into the scale and gives x.
  ValueId without_scale(ValueId v) {
    const Node* n = made_by(v);
    if (!n || n->args.size() < 2 || !n->args[0].ref()) return v;
    const bool times = n->op->name.starts_with("aten::mul."), by = n->op->name.starts_with("aten::div.") && n->args.size() == 2;
    if (!times && !by) return v;
    const Arg& a = n->args[1];
    double factor = a.real() ? *a.real() : a.integer() ? static_cast<double>(*a.integer()) : NAN;
    if (const ir::Constant* c = a.ref() ? constant_of(g_, a.ref()->id) : nullptr; c && c->bytes == sizeof(float) && g_.type(a.ref()->id).dtype == DType::f32)
      factor = *static_cast<const float*>(c->data);
    if (!std::isfinite(factor) || factor == 0) return v;
    scale_ *= times ? factor : 1 / factor;
    return id(n->args[0]);
  }

  // where(not any(not (s == -inf), -1), 0, softmax(s)); notes s.
  bool hides_rows(const Node& where, bool* safe) {
    auto operand = [&](const Node* n, std::string_view op) { return n && n->op->name == op ? made_by(id(n->args[0])) : nullptr; };
    const Node* any = operand(made_by(id(where.args[0])), "aten::logical_not");
    const Node* eq = operand(operand(any, "aten::any.dims") ? made_by(id(any->args[0])) : nullptr, "aten::logical_not");
    if (!eq || eq->op->name != "aten::eq.Scalar" || !eq->args[1].real() || *eq->args[1].real() != -INFINITY) return false;
    hidden_of_ = id(eq->args[0]);
    return *safe = is_zero(id(where.args[1]));
  }
  bool is_zero(ValueId v) const {
    if (const Node* n = made_by(v)) {
      const bool full = n->op->name == "aten::full_like" || n->op->name == "aten::full";
      return full && ((n->args[1].integer() && *n->args[1].integer() == 0) || (n->args[1].real() && *n->args[1].real() == 0));
    }
    return is_zeros(g_, v);
  }

  bool match_scores(ValueId scores, bool safe) {
    if (const Node* add = made_by(scores); add && add->op->name == "aten::add.Tensor") {
      if (!safe || !add->args[0].ref() || !add->args[1].ref() || !add->args[2].integer() || *add->args[2].integer() != 1) return false;
      mask_ = add->args[1];
      if (g_.type(id(mask_)).dtype != DType::f32 || g_.type(id(mask_)).rank() > g_.type(scores).rank()) return false;
      scores = id(add->args[0]);
    }
    const Node* product = made_by(through_views(without_scale(scores)));
    if (!product || product->op->name != "aten::bmm") return false;
    q_ = without_scale(through_views(id(product->args[0])));
    const Node* turned = made_by(without_scale(through_views(id(product->args[1]))));
    if (!turned || turned->op->name != "aten::permute") return false;
    k_ = id(turned->args[0]);
    const auto rank = static_cast<int64_t>(turned->args[1].list()->size());
    bool in_order = true;
    k_order_.clear();
    for (const Arg& d : *turned->args[1].list()) k_order_.push_back(*d.integer() < 0 ? *d.integer() + rank : *d.integer());
    if (rank < 2) return false;
    std::swap(k_order_[k_order_.size() - 1], k_order_[k_order_.size() - 2]);
    for (int64_t d = 0; d < rank; ++d) in_order &= k_order_[static_cast<size_t>(d)] == d;
    if (in_order) k_order_.clear();
    return true;
  }

  // [..., queries, depth], [..., keys, depth], [..., keys, width] of equal leading sizes, rank 3 or 4.
  bool same_batches() const {
    const Type &q = g_.type(q_), &v = g_.type(v_);
    Type k = g_.type(k_);
    for (size_t d = 0; d < k_order_.size(); ++d) k.sizes[d] = g_.type(k_).sizes[static_cast<size_t>(k_order_[d])];
    const int rank = q.rank();
    if ((rank != 3 && rank != 4) || k.rank() != rank || v.rank() != rank) return false;
    for (size_t d = 0; d + 2 < q.sizes.size(); ++d)
      if (q.sizes[d] != k.sizes[d] || q.sizes[d] != v.sizes[d]) return false;
    return q.sizes.back() == k.sizes.back() && k.sizes[k.sizes.size() - 2] == v.sizes[v.sizes.size() - 2];
  }

  const Graph& g_;
  const Uses uses_;
  ValueId q_ = 0, k_ = 0, v_ = 0, hidden_of_ = 0;
  std::vector<int64_t> k_order_;
  Arg mask_;
  double scale_ = 1;
};

// Sizes as literals; false where one is not known.
bool literal_sizes(const Type& t, Arg* out) {
  Arg::List sizes;
  for (const ir::Dim& d : t.sizes) {
    if (!d.is_static()) return false;
    sizes.push_back(d.at[0]);
  }
  *out = std::move(sizes);
  return true;
}

}  // namespace

Result<Graph> recompose_attention(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, recompose_attention));
  std::vector<Node> nodes;
  {
    Matcher matcher(graph);
    const size_t count = graph.nodes.size();
    for (size_t i = 0; i < count; ++i) {
      const Node& n = graph.nodes[i];
      Arg sizes;
      if (!matcher.match(n) || !literal_sizes(graph.type(n.outs[0]), &sizes)) {
        nodes.push_back(n);
        continue;
      }
      ValueId keys = matcher.key_source();
      if (!matcher.key_order().empty()) {
        std::vector<Arg> permute{Ref{keys}, Arg::List(matcher.key_order().begin(), matcher.key_order().end())};
        const ir::OpInfo& op = *ir::find_op_info("aten::permute");
        PF_ASSIGN(const std::vector<Type> types, ir::infer(graph, op, permute));
        keys = graph.add_value(types[0], "keys");
        nodes.push_back({&op, std::move(permute), {keys}, n.origin});
      }
      const ValueId whole = graph.add_value(matcher.result(), "attention");
      nodes.push_back({ir::find_op_info("aten::scaled_dot_product_attention"), matcher.arguments(keys), {whole}, n.origin});
      nodes.push_back({ir::find_op_info("aten::view"), {Ref{whole}, sizes}, n.outs, n.origin});
    }
  }
  graph.nodes = std::move(nodes);
  return eliminate_dead(std::move(graph));
}

}  // namespace portfire::passes
