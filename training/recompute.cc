#include "training/recompute.h"

#include <algorithm>
#include <map>

#include "compiler/ir/builder.h"

namespace portfire::training {
namespace {

using ir::Arg;
using ir::Graph;
using ir::kNoValue;
using ir::Node;
using ir::Ref;
using ir::ValueId;

constexpr size_t kOutside = SIZE_MAX;  // no node's: inputs, state, constants

bool is_product(const Node& n) {
  for (const char* part : {"mm", "linear", "convolution", "attention", "baddbmm", "dot", "einsum", "rnn", "lstm", "gru", "fft", "sort", "topk", "embedding"})
    if (n.op->name.find(part) != std::string_view::npos) return true;
  return false;
}

class Recomputer {
 public:
  Recomputer(Graph graph, size_t forward, const Recomputation& how) : g_(std::move(graph)), forward_(forward), how_(how) {
    producer_.assign(g_.values.size(), kOutside);
    for (size_t n = 0; n < forward_; ++n)
      for (ValueId v : g_.nodes[n].outs) producer_[v] = n;
    cut();
    find_kept();
  }

  Graph run() {
    std::vector<Node> backward(g_.nodes.begin() + static_cast<std::ptrdiff_t>(forward_), g_.nodes.end());
    std::vector<Node> all(g_.nodes.begin(), g_.nodes.begin() + static_cast<std::ptrdiff_t>(forward_));
    for (Node& n : backward) {
      for (Arg& a : n.args) a = available(a, all);
      all.push_back(std::move(n));
    }
    g_.nodes = std::move(all);
    return std::move(g_);
  }

 private:
  size_t segment_of(size_t node) const { return static_cast<size_t>(std::upper_bound(cuts_.begin(), cuts_.end(), node) - cuts_.begin()); }
  int64_t bytes(ValueId v) const { return g_.type(v).is_tensor() ? g_.type(v).upper_bytes() : 0; }

  // Cuts near equal shares of what the nodes make, where least is carried over.
  void cut() {
    if (how_.keep_products || how_.segments < 2 || forward_ < 4) return;
    std::vector<size_t> last(g_.values.size(), 0);
    for (size_t n = 0; n < forward_; ++n) for_each_ref(g_.nodes[n], [&](ValueId v) { last[v] = n; });
    std::vector<int64_t> carried(forward_ + 1), made(forward_ + 1);  // before node n
    for (size_t n = 0; n < forward_; ++n)
      for (ValueId v : g_.nodes[n].outs) {
        const bool view = g_.nodes[n].op->is_view();
        made[n + 1] += view ? 0 : bytes(v);
        for (size_t k = n + 1; !view && k <= last[v]; ++k) carried[k] += bytes(v);
      }
    for (size_t n = 0; n < forward_; ++n) made[n + 1] += made[n];
    const double share = static_cast<double>(made[forward_]) / how_.segments;
    for (int s = 1; s < how_.segments; ++s) {
      size_t best = 0;
      for (size_t n = 1; n < forward_; ++n) {
        const double off = (static_cast<double>(made[n]) - s * share) / share;
        if (off > -0.4 && off < 0.4 && (best == 0 || carried[n] < carried[best])) best = n;
      }
      if (best > 0 && (cuts_.empty() || best > cuts_.back())) cuts_.push_back(best);
    }
  }

  bool is_random(size_t node) const { return node != kOutside && g_.nodes[node].op->op && g_.nodes[node].op->op->random; }
  bool draws(const Node& n) const {
    bool any = false;
    for_each_ref(n, [&](ValueId v) { any |= is_random(producer_[v]); });
    return any;
  }

  void find_kept() {
    kept_.assign(g_.values.size(), false);
    for (ValueId v = 0; v < g_.values.size(); ++v) {
      const size_t n = producer_[v];
      if (n == kOutside) {
        kept_[v] = true;
        continue;
      }
      const Node& node = g_.nodes[n];
      const bool pure = node.op->op && !node.op->op->random && !node.op->op->data_dependent && !node.op->schema.returns.empty();
      kept_[v] = !pure || draws(node) || (how_.keep_products ? is_product(node) : segment_of(n) == cuts_.size()) || !g_.type(v).is_tensor();
    }
    for (const ir::Output& o : g_.outputs)
      if (o.value != kNoValue) kept_[o.value] = true;
    for (const ir::Buffer& b : g_.buffers)
      if (b.update != kNoValue && b.update < kept_.size()) kept_[b.update] = true;
    if (!how_.keep_products)
      for (size_t n = 0; n < forward_; ++n)
        for_each_ref(g_.nodes[n], [&](ValueId v) {
          if (producer_[v] != kOutside && segment_of(producer_[v]) < segment_of(n)) kept_[v] = true;
        });
  }

  Arg available(const Arg& a, std::vector<Node>& out) {
    if (const Ref* r = a.ref()) {
      if (r->id >= kept_.size() || kept_[r->id]) return a;
      return Ref{again(r->id, out)};
    }
    if (const Arg::List* l = a.list()) {
      Arg::List items;
      for (const Arg& item : *l) items.push_back(available(item, out));
      return items;
    }
    return a;
  }

  // The value that stands for `v`, made anew.
  ValueId again(ValueId v, std::vector<Node>& out) {
    if (const auto it = made_.find(v); it != made_.end()) return it->second;
    Node n = g_.nodes[producer_[v]];
    const auto segment = static_cast<int64_t>(segment_of(producer_[v]));
    for (Arg& a : n.args) a = operand(a, segment, out);
    for (ValueId& o : n.outs) {
      const ValueId old = o;
      o = g_.add_value(g_.type(old), g_.values[old].name);
      made_[old] = o;
    }
    out.push_back(std::move(n));
    return made_[v];
  }
  Arg operand(const Arg& a, int64_t segment, std::vector<Node>& out) {
    if (const Arg::List* l = a.list()) {
      Arg::List items;
      for (const Arg& item : *l) items.push_back(operand(item, segment, out));
      return items;
    }
    const Ref* r = a.ref();
    if (!r || !g_.type(r->id).is_tensor()) return a;
    if (!kept_[r->id]) return Ref{again(r->id, out)};
    const auto [it, fresh] = shown_.try_emplace({r->id, segment}, kNoValue);
    if (fresh) {
      it->second = g_.add_value(g_.type(r->id), g_.values[r->id].name);
      out.push_back({ir::find_op_info("portfire::again"), {a, segment}, {it->second}, 0});
    }
    return Ref{it->second};
  }

  Graph g_;
  const size_t forward_;
  const Recomputation how_;
  std::vector<size_t> producer_;  // by value
  std::vector<size_t> cuts_;      // nodes before which a segment ends
  std::vector<bool> kept_;
  std::map<ValueId, ValueId> made_;
  std::map<std::pair<ValueId, int64_t>, ValueId> shown_;
};

}  // namespace

Graph recompute(Graph graph, size_t forward, const Recomputation& how) { return Recomputer(std::move(graph), forward, how).run(); }

}  // namespace portfire::training
