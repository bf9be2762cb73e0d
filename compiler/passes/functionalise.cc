#include <algorithm>
#include <map>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

using ir::kNoValue;
using ir::Ref;
using ir::Refusal;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

// Every value that a write may reach is known by its base (what owns the memory) and by the views
// that lead from the base to it. `current` is the newest value of a base.
class Functionaliser {
 public:
  explicit Functionaliser(const Graph& in) : in_(in) {}

  std::optional<std::vector<Arg>> visit(Builder& b, const Node& n, std::vector<Arg>& args) {
    for (size_t i = 0; i < args.size(); ++i)
      if (!(n.op->name == "aten::copy_" && i == 0)) refresh(b, &args[i]);
    if (n.op->name == "aten::copy_") {
      const ValueId target = args[0].ref()->id;
      return std::vector<Arg>{write(b, target, Tensor{&b, args[1].ref()->id})};
    }
    if (!n.op->is_view()) return std::nullopt;
    // A view of what `args[0]` is an alias of. `args[0]` was refreshed: follow the original.
    std::vector<Arg> out = b.call(*n.op, args);
    const ValueId source = args[0].ref()->id, result = out[0].ref()->id;
    Alias alias = alias_of(source);
    std::vector<Arg> rest(args.begin() + 1, args.end());
    alias.steps.push_back({n.op, std::move(rest)});
    alias.version = version_[alias.base];
    aliases_[result] = std::move(alias);
    return out;
  }

  // The newest value that stands for `v`.
  ValueId newest(Builder& b, ValueId v) {
    Arg a = Ref{v};
    refresh(b, &a);
    return a.ref()->id;
  }
  bool written(ValueId base) const {
    auto it = version_.find(base);
    return it != version_.end() && it->second > 0;
  }

 private:
  struct Step {
    const ir::OpInfo* op;
    std::vector<Arg> args;  // without the viewed tensor
  };
  struct Alias {
    ValueId base = kNoValue;
    std::vector<Step> steps;
    int version = 0;  // of the base, when this value was made
  };

  Alias alias_of(ValueId v) {
    auto it = aliases_.find(v);
    if (it != aliases_.end()) return it->second;
    return {v, {}, 0};
  }

  void refresh(Builder& b, Arg* a) {
    if (const Arg::List* l = a->list()) {
      Arg::List fresh = *l;
      for (Arg& item : fresh) refresh(b, &item);
      *a = std::move(fresh);
      return;
    }
    if (!a->ref() || !b.graph().type(a->ref()->id).is_tensor()) return;
    const ValueId v = a->ref()->id;
    const Alias alias = alias_of(v);
    const int version = version_[alias.base];
    if (version == 0 || alias.version == version) return;
    auto known = fresh_.find({v, version});
    if (known == fresh_.end()) {
      Tensor t{&b, current_[alias.base]};
      for (const Step& s : alias.steps) t = apply(b, t, s);
      Alias moved = alias;
      moved.version = version;
      if (t.id != current_[alias.base]) aliases_[t.id] = moved;
      known = fresh_.emplace(std::pair{v, version}, t.id).first;
    }
    *a = Ref{known->second};
  }

  Tensor apply(Builder& b, Tensor t, const Step& s) {
    std::vector<Arg> args{Arg(t)};
    args.insert(args.end(), s.args.begin(), s.args.end());
    return {&b, b.call(*s.op, std::move(args))[0].ref()->id};
  }

  // The value after `source` was written to `target`; every alias of its base is out of date then.
  Arg write(Builder& b, ValueId target, Tensor source) {
    const Alias alias = alias_of(target);
    const ValueId base = alias.base;
    const Type type = b.graph().type(target);
    const size_t before = b.graph().values.size();
    source = b.cast(source, type.dtype);
    if (source.type().sizes != type.sizes) source = b("aten::expand", source, b.sizes({&b, target}));
    // Parents along the chain, newest values.
    std::vector<Tensor> parents{{&b, version_[base] ? current_[base] : base}};
    for (const Step& s : alias.steps) parents.push_back(apply(b, parents.back(), s));
    Tensor value = source;
    for (size_t i = alias.steps.size(); i-- > 0;) value = scatter(b, parents[i], value, alias.steps[i]);
    // The new content is a value of its own, not another name of what was written.
    if (value.id < before) value = b("aten::clone", value, 0);
    current_[base] = value.id;
    const int version = ++version_[base];
    aliases_[value.id] = {base, {}, version};
    Arg result = Ref{target};
    refresh(b, &result);
    return result;
  }

  // `parent` with what the view `s` shows of it replaced by `value`.
  Tensor scatter(Builder& b, Tensor parent, Tensor value, const Step& s) {
    const std::string_view op = s.op->name;
    auto same_sizes = [&] { return parent.type().sizes == value.type().sizes; };
    if (op == "aten::slice.Tensor") return b("aten::slice_scatter", parent, value, s.args[0], s.args[1], s.args[2], s.args[3]);
    if (op == "aten::select.int") return b("aten::select_scatter", parent, value, s.args[0], s.args[1]);
    if (op == "aten::diagonal") return b("aten::diagonal_scatter", parent, value, s.args[0], s.args[1], s.args[2]);
    if (op == "aten::as_strided")
      return b("aten::as_strided_scatter", parent, value, s.args[0], s.args[1], s.args[2]);
    if (op == "aten::permute") {
      const Arg::List& dims = *s.args[0].list();
      std::vector<int64_t> inverse(dims.size());
      for (size_t d = 0; d < dims.size(); ++d) {
        const int64_t from = *dims[d].integer();
        inverse[from < 0 ? from + static_cast<int64_t>(dims.size()) : from] = static_cast<int64_t>(d);
      }
      return b.permute(value, inverse);
    }
    if (op == "aten::expand") {
      if (same_sizes()) return value;
      b.refuse("a write to an expanded tensor, whose elements share memory");
    }
    if (value.type().numel() == parent.type().numel() && value.dtype() == parent.dtype()) {
      if (same_sizes()) return value;
      return b.reshape(value, b.sizes(parent));  // view, squeeze, unsqueeze, ...
    }
    b.refuse("a write through " + std::string(op));
  }

  const Graph& in_;
  std::map<ValueId, Alias> aliases_;
  std::map<ValueId, ValueId> current_;  // by base
  std::map<ValueId, int> version_;      // by base; 0: never written
  std::map<std::pair<ValueId, int>, ValueId> fresh_;
};

bool has_mutation(const Graph& g) {
  for (const Node& n : g.nodes) {
    if (n.op->name == "aten::copy_") return true;
    for (const Arg& a : n.args)
      if (const auto* inner = a.graph(); inner && has_mutation(**inner)) return true;
  }
  return false;
}

}  // namespace

Result<Graph> functionalise(Graph graph) {
  if (!has_mutation(graph)) return eliminate_dead(std::move(graph));
  // Sub-graphs first: they may only write to what they made themselves.
  for (Node& n : graph.nodes)
    for (Arg& a : n.args)
      if (const auto* inner = a.graph()) {
        PF_ASSIGN(Graph done, functionalise(**inner));
        if (!done.input_mutations.empty())
          return Error::make(Code::unsupported, "%.*s: its sub-graph writes to an operand", static_cast<int>(n.op->name.size()), n.op->name.data());
        a = std::make_shared<Graph>(std::move(done));
      }
  Functionaliser f(graph);
  // The outputs of the graph must read the newest values: a last node that mentions them all.
  Graph out;
  Result<Graph> rewritten = rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) { return f.visit(b, n, args); });
  if (!rewritten.ok()) return rewritten.error();
  out = *std::move(rewritten);
  Builder b(&out);
  try {
    for (ir::Output& o : out.outputs)
      if (o.value != kNoValue && out.type(o.value).is_tensor()) o.value = f.newest(b, o.value);
    for (ir::Buffer& buffer : out.buffers)
      if (buffer.update != kNoValue)
        buffer.update = f.newest(b, buffer.update);
      else if (f.written(buffer.value))
        buffer.update = f.newest(b, buffer.value);
    for (size_t i = 0; i < out.inputs.size(); ++i) {
      const bool listed = std::any_of(out.input_mutations.begin(), out.input_mutations.end(),
                                      [&](const ir::InputMutation& m) { return m.input == i; });
      if (!listed && f.written(out.inputs[i].value)) out.input_mutations.push_back({i, f.newest(b, out.inputs[i].value)});
    }
  } catch (const Refusal& r) {
    return Error::make(r.code, "%s", r.text.c_str());
  }
  return eliminate_dead(std::move(out));
}

}  // namespace portfire::passes
