// What XNNPACK's delegate has one node for and ExecuTorch's portable library several operators: batched products that broadcast, without
// the reshapes around `bmm`; `prelu`, `hardswish`, clamps of both sides. Joined only where the delegate takes the result.
#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "compiler/passes/xnnpack_takes.h"

namespace portfire::passes {
namespace {

using ir::Type;
using ir::ValueId;

class Joiner {
 public:
  explicit Joiner(Graph* graph) : g_(*graph), uses_(*graph) {}

  void run() {
    for (Node& n : g_.nodes) clamp(n) || hardswish(n) || prelu(n) || product(n);
  }

 private:
  // The node that makes argument `k`, where it is `op`.
  const Node* made_by(const Node& n, size_t k, std::string_view op) const {
    const Node* made = n.args[k].ref() ? uses_.producer(n.args[k].ref()->id) : nullptr;
    return made && made->op->name == op ? made : nullptr;
  }
  const Type& type(const Arg& a) const { return g_.type(a.ref()->id); }

  // `n` becomes a call of `op`, unless the delegate would not take that.
  bool become(Node& n, std::string_view op, std::vector<Arg> args) {
    Node other{ir::find_op_info(op), std::move(args), n.outs, n.origin};
    if (!xnnpack_takes(g_, uses_, other)) return false;
    n = std::move(other);
    return true;
  }

  bool clamp(Node& n) {
    if (n.op->name != "aten::clamp" || !n.args[1].none()) return false;
    const Node* low = made_by(n, 0, "aten::clamp");
    if (!low || !low->args[2].none()) return false;
    return become(n, "aten::clamp", {low->args[0], low->args[1], n.args[2]});
  }

  // x (clamp(x + 3, 0, 6) / 6)
  bool hardswish(Node& n) {
    if (n.op->name != "aten::mul.Tensor") return false;
    const Node* share = made_by(n, 1, "aten::div.Scalar");
    const Node* kept = share && is_number(share->args[1], 6) ? made_by(*share, 0, "aten::clamp") : nullptr;
    const Node* moved = kept && is_number(kept->args[1], 0) && is_number(kept->args[2], 6) ? made_by(*kept, 0, "aten::add.Scalar") : nullptr;
    if (!moved || !is_number(moved->args[1], 3) || !is_number(moved->args[2], 1) || !(moved->args[0] == n.args[0])) return false;
    return become(n, "aten::hardswish", {n.args[0]});
  }

  // x where x > 0, x w elsewhere
  bool prelu(Node& n) {
    if (n.op->name != "aten::where.self") return false;
    const Node *positive = made_by(n, 0, "aten::gt.Scalar"), *scaled = made_by(n, 2, "aten::mul.Tensor");
    if (!positive || !scaled || !is_number(positive->args[1], 0)) return false;
    if (!(positive->args[0] == n.args[1]) || !(scaled->args[0] == n.args[1]) || !scaled->args[1].ref()) return false;
    return become(n, "aten::prelu", {n.args[1], scaled->args[1]});
  }

  // The operand of a product whose batch is that of `y`, without what flattens it to rank 3.
  Arg operand(const Node& bmm, size_t k, const Type& y) const {
    Arg a = bmm.args[k];
    const auto fits = [&](const Type& t) {
      if (t.rank() != y.rank()) return false;
      for (size_t d = 0; d + 2 < y.sizes.size(); ++d)
        if (!(t.sizes[d] == y.sizes[d])) return false;
      for (size_t d = 1; d <= 2; ++d)
        if (!(t.sizes[t.sizes.size() - d] == type(bmm.args[k]).sizes[3 - d])) return false;
      return true;
    };
    if (!fits(type(a))) {
      const Node* flat = made_by(bmm, k, "aten::view_copy");
      if (!flat || !fits(type(flat->args[0]))) return {};
      a = flat->args[0];
    }
    const Node* more = uses_.producer(a.ref()->id);
    return more && more->op->name == "aten::expand_copy" ? more->args[0] : a;
  }
  bool product(Node& n) {
    const bool reshaped = n.op->name == "aten::view_copy";
    if (!reshaped && n.op->name != "aten::bmm") return false;
    const Node* bmm = reshaped ? made_by(n, 0, "aten::bmm") : &n;
    const Type& y = g_.type(n.outs[0]);
    if (!bmm || y.rank() < 3) return false;
    const Type& flat = g_.type(bmm->outs[0]);
    for (size_t d = 1; d <= 2; ++d)
      if (!(y.sizes[y.sizes.size() - d] == flat.sizes[3 - d])) return false;
    Arg a = operand(*bmm, 0, y), b = operand(*bmm, 1, y);
    if (a.none() || b.none() || (a == bmm->args[0] && b == bmm->args[1])) return false;
    return become(n, "aten::matmul", {a, b});
  }

  Graph& g_;
  const Uses uses_;
};

}  // namespace

Result<Graph> join_for_xnnpack(Graph graph) {
  Joiner(&graph).run();
  return eliminate_dead(std::move(graph));
}

}  // namespace portfire::passes
