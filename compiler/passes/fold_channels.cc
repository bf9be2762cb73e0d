// For ExecuTorch: a scale and a shift of each channel behind a convolution with constant f32 weights, as batch norm becomes, go into its
// weights and bias; a constant padding with zeros before it becomes its own where both sides are padded alike.
#include <map>

#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

using ir::Ref;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

// The numbers of a constant that broadcasts over [n, c, h, w] by channel.
const float* per_channel(const Graph& g, const Arg& a, int64_t channels) {
  if (!a.ref()) return nullptr;
  const ir::Constant* c = constant_of(g, a.ref()->id);
  const Type& t = g.type(a.ref()->id);
  if (!c || t.dtype != DType::f32 || t.rank() < 3 || t.rank() > 4 || t.upper_bytes() != channels * 4) return nullptr;
  return t.sizes[t.rank() - 3] == ir::Dim(channels) ? static_cast<const float*>(c->data) : nullptr;
}

const ir::Constant* f32_constant(const Graph& g, const Arg& a) {
  if (!a.ref() || g.type(a.ref()->id).dtype != DType::f32) return nullptr;
  return constant_of(g, a.ref()->id);
}

struct Chain {
  const Node* conv = nullptr;
  std::vector<float> scale, shift;
  ValueId end = ir::kNoValue;
};

class Folder {
 public:
  explicit Folder(const Graph& g) : g_(g), uses_(g) {
    for (const Node& n : g.nodes)
      if (takes(n)) collect(n);
  }

  std::optional<std::vector<Arg>> visit(Builder& b, const Node& n, std::vector<Arg>& args) const {
    if (const auto it = becomes_.find(&n); it != becomes_.end()) return std::vector<Arg>{args[it->second]};
    const auto it = chains_.find(&n);
    if (it == chains_.end()) return std::nullopt;
    const Chain& c = it->second;
    const Type& wt = g_.type(n.args[1].ref()->id);
    const auto* w = static_cast<const float*>(f32_constant(g_, n.args[1])->data);
    const ir::Constant* bias = f32_constant(g_, n.args[2]);
    const size_t channels = c.scale.size(), each = static_cast<size_t>(wt.upper_bytes()) / 4 / channels;
    std::vector<float> weights(channels * each), shift(channels);
    for (size_t k = 0; k < channels; ++k) {
      for (size_t i = 0; i < each; ++i) weights[k * each + i] = w[k * each + i] * c.scale[k];
      shift[k] = (bias ? static_cast<const float*>(bias->data)[k] * c.scale[k] : 0) + c.shift[k];
    }
    std::vector<int64_t> sizes;
    for (const ir::Dim& d : wt.sizes) sizes.push_back(d.at[0]);
    args[1] = b.constant(DType::f32, sizes, weights.data());
    args[2] = b.constant(DType::f32, {static_cast<int64_t>(channels)}, shift.data());
    return std::vector<Arg>{b.one("aten::convolution", args)};
  }

 private:
  bool takes(const Node& n) const {
    if (n.op->name != "aten::convolution" || !n.args[6].boolean() || *n.args[6].boolean()) return false;
    const Type& t = g_.type(n.outs[0]);
    return t.rank() == 4 && t.dtype == DType::f32 && f32_constant(g_, n.args[1]) && (n.args[2].none() || f32_constant(g_, n.args[2]));
  }
  void collect(const Node& conv) {
    const int64_t channels = g_.type(conv.args[1].ref()->id).sizes[0].at[0];
    Chain c{&conv, std::vector<float>(static_cast<size_t>(channels), 1), std::vector<float>(static_cast<size_t>(channels), 0), conv.outs[0]};
    bool found = false;
    for (const Node* next = uses_.only_user(c.end); next; next = uses_.only_user(c.end)) {
      const bool times = next->op->name == "aten::mul.Tensor", plus = next->op->name == "aten::add.Tensor" && next->args[2] == Arg(1);
      if (!times && !plus) break;
      const size_t flowing = next->args[0] == Arg(Ref{c.end}) ? 0 : 1;
      const float* numbers = per_channel(g_, next->args[1 - flowing], channels);
      if (!numbers || !(g_.type(next->outs[0]).sizes == g_.type(c.end).sizes)) break;
      for (size_t k = 0; k < c.scale.size(); ++k) {
        if (plus) c.shift[k] += numbers[k];
        if (times) c.scale[k] *= numbers[k], c.shift[k] *= numbers[k];
      }
      becomes_[next] = flowing;
      c.end = next->outs[0];
      found = true;
    }
    if (found) chains_.emplace(&conv, std::move(c));
  }

  const Graph& g_;
  const Uses uses_;
  std::map<const Node*, Chain> chains_;
  std::map<const Node*, size_t> becomes_;  // the argument that stands for a node's result
};

// The symmetric padding of height and width that `n` puts around zeros; false where it is none.
bool zero_padding(const Node& n, int64_t out[2]) {
  if (n.op->name != "aten::constant_pad_nd" || !n.args[1].list() || n.args[1].list()->size() != 4) return false;
  if (!(n.args[2] == Arg(0) || n.args[2] == Arg(0.0))) return false;
  int64_t pads[4];
  for (size_t k = 0; k < 4; ++k) {
    const int64_t* p = (*n.args[1].list())[k].integer();
    if (!p || *p < 0) return false;
    pads[k] = *p;
  }
  out[0] = pads[2], out[1] = pads[0];
  return pads[0] == pads[1] && pads[2] == pads[3];
}

Result<Graph> fold_padding(const Graph& graph) {
  const Uses uses(graph);
  return rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) -> std::optional<std::vector<Arg>> {
    if (n.op->name != "aten::convolution" || !n.args[0].ref() || !n.args[6].boolean() || *n.args[6].boolean()) return std::nullopt;
    const ValueId padded = n.args[0].ref()->id;
    if (padded >= graph.values.size() || graph.type(padded).rank() != 4) return std::nullopt;
    // Sub-graphs have values of their own: the node must be one of this graph's.
    const Node* pad = uses.producer(padded);
    int64_t more[2];
    if (!pad || uses.producer(n.outs[0]) != &n || !zero_padding(*pad, more)) return std::nullopt;
    const Node* made = nullptr;
    for (const Node& m : b.graph().nodes)
      if (m.outs.size() == 1 && args[0] == Arg(Ref{m.outs[0]})) made = &m;
    if (!made || made->op->name != "aten::constant_pad_nd") return std::nullopt;
    const Arg::List& padding = *args[4].list();
    args[0] = made->args[0];
    args[4] = Arg::List{*padding[0].integer() + more[0], *padding[padding.size() > 1 ? 1 : 0].integer() + more[1]};
    return std::vector<Arg>{b.one("aten::convolution", args)};
  });
}

}  // namespace

Result<Graph> fold_channels(Graph graph) {
  const Folder folder(graph);
  PF_ASSIGN(Graph folded, rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) { return folder.visit(b, n, args); }));
  PF_ASSIGN(folded, fold_padding(folded));
  return eliminate_dead(std::move(folded));
}

}  // namespace portfire::passes
