// Groups what ExecuTorch's XNNPACK delegate computes. A node's level says how often the way to it leaves such nodes and comes back; those of
// one level are one group, so no way leads out of a group and back into it, and no two groups could be joined without one. A group without
// a product, a convolution or the like stays as it was: its call would cost more than it saves.
#include <algorithm>
#include <map>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "compiler/passes/xnnpack_takes.h"

namespace portfire::passes {
namespace {

using ir::kNoValue;
using ir::Ref;
using ir::ValueId;

class Grouper {
 public:
  explicit Grouper(Graph graph) : g_(std::move(graph)), uses_(g_) {}

  Graph run() {
    find_levels();
    find_outside_uses();
    std::vector<Node> nodes;
    for (int level = 0; level <= last_; ++level) {
      const std::vector<size_t> group = members(level, true);
      const bool gains = std::any_of(group.begin(), group.end(), [&](size_t k) { return xnnpack_gains(g_.nodes[k]); });
      if (gains)
        nodes.push_back(delegate(group));
      else
        for (size_t k : group) nodes.push_back(g_.nodes[k]);
      for (size_t k : members(level, false)) nodes.push_back(g_.nodes[k]);
    }
    g_.nodes = std::move(nodes);
    return std::move(g_);
  }

 private:
  void find_levels() {
    std::vector<int> level(g_.values.size());  // of values; one that the delegate makes costs nothing to it
    std::vector<bool> inside(g_.values.size());
    for (const Node& n : g_.nodes) {
      const bool taken = xnnpack_takes(g_, uses_, n);
      int own = 0;
      for_each_ref(n, [&](ValueId v) { own = std::max(own, level[v] + (taken && !inside[v] && made(v) ? 1 : 0)); });
      for (ValueId v : n.outs) {
        level[v] = own;
        inside[v] = taken;
      }
      taken_.push_back(taken);
      levels_.push_back(own);
      last_ = std::max(last_, own);
    }
  }
  bool made(ValueId v) const { return uses_.producer(v) != nullptr; }

  std::vector<size_t> members(int level, bool taken) const {
    std::vector<size_t> list;
    for (size_t k = 0; k < g_.nodes.size(); ++k)
      if (levels_[k] == level && taken_[k] == taken) list.push_back(k);
    return list;
  }

  void find_outside_uses() {
    std::vector<int> level_of(g_.values.size(), -1);
    for (size_t k = 0; k < g_.nodes.size(); ++k)
      if (taken_[k])
        for (ValueId v : g_.nodes[k].outs) level_of[v] = levels_[k];
    outside_.resize(g_.values.size());
    for (size_t k = 0; k < g_.nodes.size(); ++k)
      for_each_ref(g_.nodes[k], [&](ValueId v) { outside_[v] = outside_[v] || !taken_[k] || levels_[k] != level_of[v]; });
    const auto result = [&](ValueId v) {
      if (v != kNoValue) outside_[v] = true;
    };
    for (const ir::Output& o : g_.outputs) result(o.value);
    for (const ir::Buffer& b : g_.buffers) result(b.update);
    for (const ir::InputMutation& m : g_.input_mutations) result(m.value);
  }

  Node delegate(const std::vector<size_t>& group) {
    auto body = std::make_shared<Graph>();
    body->name = "delegate";
    body->origins = {{}};
    std::map<ValueId, ValueId> inner;
    Arg::List operands;
    const auto add = [&](ValueId v) {
      const ValueId id = body->add_value(g_.type(v), g_.values[v].name);
      inner[v] = id;
      return id;
    };
    const auto mapped = [&](auto&& self, const Arg& a) -> Arg {
      if (const Arg::List* l = a.list()) {
        Arg::List list;
        for (const Arg& item : *l) list.push_back(self(self, item));
        return list;
      }
      if (!a.ref()) return a;
      const ValueId v = a.ref()->id;
      if (const auto it = inner.find(v); it != inner.end()) return Ref{it->second};
      const ValueId id = add(v);
      if (constant_of(g_, v)) {
        body->values[id].constant = g_.values[v].constant;
      } else {
        body->inputs.push_back({id, g_.values[v].name});
        operands.push_back(Ref{v});
      }
      return Ref{id};
    };
    Node node{ir::find_op_info("portfire::xnnpack"), {}, {}, g_.nodes[group.back()].origin};
    for (size_t k : group) {
      const Node& n = g_.nodes[k];
      Node copy{n.op, {}, {}, 0};
      for (const Arg& a : n.args) copy.args.push_back(mapped(mapped, a));
      for (ValueId v : n.outs) copy.outs.push_back(add(v));
      body->nodes.push_back(std::move(copy));
      for (ValueId v : n.outs)
        if (outside_[v]) {
          node.outs.push_back(v);
          body->outputs.push_back({inner[v], g_.values[v].name});
        }
    }
    node.args = {Arg(std::move(body)), Arg(std::move(operands))};
    return node;
  }

  Graph g_;
  Uses uses_;
  std::vector<bool> taken_, outside_;
  std::vector<int> levels_;
  int last_ = 0;
};

}  // namespace

Result<Graph> delegate_xnnpack(Graph graph) { return Grouper(std::move(graph)).run(); }

}  // namespace portfire::passes
