#include "compiler/passes/rewrite.h"

#include <algorithm>

namespace portfire::passes {

using ir::kNoValue;
using ir::Ref;
using ir::Refusal;
using ir::Type;
using ir::ValueId;

namespace {

class Rewriter {
 public:
  Rewriter(const Graph& in, const Visit& visit) : in_(in), visit_(visit), build_(&out_), map_(in.values.size()) {}

  Graph run() {
    out_.name = in_.name;
    out_.symbols = in_.symbols;
    out_.origins = in_.origins;
    out_.input_structure = in_.input_structure;
    out_.output_structure = in_.output_structure;
    for (const ir::Input& i : in_.inputs) out_.inputs.push_back({define(i.value), i.name});
    for (const ir::Buffer& b : in_.buffers) {
      out_.buffers.push_back(b);
      out_.buffers.back().value = define(b.value);
      out_.buffers.back().update = kNoValue;
    }
    for (const Node& n : in_.nodes) node(n);
    for (size_t i = 0; i < in_.buffers.size(); ++i)
      if (in_.buffers[i].update != kNoValue) out_.buffers[i].update = value(in_.buffers[i].update);
    for (const ir::Output& o : in_.outputs) {
      ir::Output mapped = o;
      if (o.value != kNoValue) {
        const Arg a = map(Arg(Ref{o.value}));
        mapped.value = a.ref() ? a.ref()->id : kNoValue;
        if (!a.ref()) mapped.literal = a;
      }
      out_.outputs.push_back(std::move(mapped));
    }
    for (const ir::InputMutation& m : in_.input_mutations) out_.input_mutations.push_back({m.input, value(m.value)});
    return std::move(out_);
  }

 private:
  ValueId define(ValueId old) {
    const ir::ValueInfo& info = in_.values[old];
    const ValueId id = out_.add_value(info.type, info.name);
    out_.values[id].constant = info.constant;
    map_[old] = Ref{id};
    return id;
  }
  ValueId value(ValueId old) {
    const Arg a = map(Arg(Ref{old}));
    if (!a.ref()) {
      // A tensor that became a number: an output or state must be a value again.
      const Type& t = in_.type(old);
      return build_.scalar_tensor(a, t.is_tensor() ? t.dtype : DType::i64).id;
    }
    return a.ref()->id;
  }
  Arg map(const Arg& a) {
    if (const Ref* r = a.ref()) {
      if (map_[r->id].none() && in_.values[r->id].constant) define(r->id);
      return map_[r->id];
    }
    if (const Arg::List* l = a.list()) {
      Arg::List out;
      for (const Arg& item : *l) out.push_back(map(item));
      return out;
    }
    if (const auto* g = a.graph()) {
      Result<Graph> inner = rewrite(**g, visit_);
      if (!inner.ok()) throw Refusal{inner.error().code(), inner.error().text()};
      return std::make_shared<Graph>(*std::move(inner));
    }
    return a;
  }

  void node(const Node& n) {
    std::vector<Arg> args;
    for (const Arg& a : n.args) args.push_back(map(a));
    build_.origin = n.origin;
    const Type hint = n.outs.empty() ? Type() : in_.type(n.outs[0]);
    build_.hint = &hint;
    const size_t first = out_.values.size();
    try {
      std::optional<std::vector<Arg>> results = visit_(build_, n, args);
      if (!results) results = again(n, std::move(args));
      for (size_t i = 0; i < n.outs.size() && i < results->size(); ++i) {
        map_[n.outs[i]] = (*results)[i];
        const Ref* r = (*results)[i].ref();
        if (r && r->id >= first) out_.values[r->id].name = in_.values[n.outs[i]].name;
      }
    } catch (Refusal& r) {
      const ir::Origin& o = in_.origins[n.origin];
      if (!o.line.empty() && r.text.find(" (at ") == std::string::npos) r.text += " (at " + o.line + ")";
      throw;
    }
    build_.hint = nullptr;
  }

  std::vector<Arg> again(const Node& n, std::vector<Arg> args) {
    if (n.op->op || n.op->decompose) return build_.call(*n.op, std::move(args));
    std::vector<Type> types;  // control flow: typed by its sub-graphs, which keep their results' types
    for (ValueId v : n.outs) types.push_back(in_.type(v));
    std::vector<Arg> results;
    for (ValueId v : build_.append(*n.op, std::move(args), std::move(types))) results.push_back(Ref{v});
    return results;
  }

  const Graph& in_;
  const Visit& visit_;
  Graph out_;
  Builder build_;
  std::vector<Arg> map_;
};

}  // namespace

Result<Graph> rewrite(const Graph& in, const Visit& visit) {
  try {
    return Rewriter(in, visit).run();
  } catch (const Refusal& r) {
    return Error::make(r.code, "%s", r.text.c_str());
  }
}

Error rewrite_sub_graphs(Graph* graph, Result<Graph> (*pass)(Graph)) {
  for (Node& n : graph->nodes)
    for (Arg& a : n.args)
      if (const auto* inner = a.graph()) {
        PF_ASSIGN(Graph done, pass(**inner));
        a = std::make_shared<Graph>(std::move(done));
      }
  return {};
}

Graph in_order(Graph graph) {
  constexpr size_t kNone = SIZE_MAX;
  std::vector<size_t> maker(graph.values.size(), kNone);
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (ValueId v : graph.nodes[i].outs) maker[v] = i;
  std::vector<bool> placed(graph.nodes.size());
  std::vector<size_t> order, waiting;
  for (size_t first = 0; first < graph.nodes.size(); ++first) {
    if (!placed[first]) waiting.push_back(first);
    while (!waiting.empty()) {
      const size_t i = waiting.back(), before = waiting.size();
      for_each_ref(graph.nodes[i], [&](ValueId v) {
        if (maker[v] != kNone && !placed[maker[v]]) waiting.push_back(maker[v]);
      });
      if (waiting.size() != before) continue;
      waiting.pop_back();
      if (!placed[i]) order.push_back(i);
      placed[i] = true;
    }
  }
  std::vector<Node> nodes;
  for (size_t i : order) nodes.push_back(std::move(graph.nodes[i]));
  graph.nodes = std::move(nodes);
  return graph;
}

Graph eliminate_dead(Graph graph) {
  std::vector<bool> live(graph.values.size());
  auto mark = [&](ValueId v) {
    if (v != kNoValue) live[v] = true;
  };
  for (const ir::Output& o : graph.outputs) mark(o.value);
  for (const ir::Buffer& b : graph.buffers) {
    mark(b.update);
    if (b.update != kNoValue) mark(b.value);
  }
  for (const ir::InputMutation& m : graph.input_mutations) mark(m.value);
  std::vector<Node> kept;
  for (auto n = graph.nodes.rbegin(); n != graph.nodes.rend(); ++n) {
    const bool effect = n->op->schema.returns.empty() || n->op->name == "aten::copy_";
    if (!effect && std::none_of(n->outs.begin(), n->outs.end(), [&](ValueId v) { return live[v]; })) continue;
    for_each_ref(*n, [&](ValueId v) { live[v] = true; });
    kept.push_back(std::move(*n));
  }
  std::reverse(kept.begin(), kept.end());
  graph.nodes = std::move(kept);
  for (ValueId v = 0; v < graph.values.size(); ++v)
    if (!live[v]) graph.values[v].constant = nullptr;
  // State that nothing reads or writes goes; state that is only read is a constant, unless others write it.
  std::erase_if(graph.buffers, [&](const ir::Buffer& b) { return b.update == kNoValue && !(b.shared && live[b.value]); });
  for (Node& n : graph.nodes)
    for (Arg& a : n.args)
      if (const auto* g = a.graph()) a = std::make_shared<Graph>(eliminate_dead(**g));
  return graph;
}

}  // namespace portfire::passes
