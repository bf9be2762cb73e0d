// Recurrent layers that were unrolled, as torch's decompositions and loops over cells leave them, become layers again:
// portfire::lstm_layer, gru_layer and rnn_layer over whole sequences. See unrolled.h for what a step looks like.
#include <algorithm>
#include <cstring>
#include <map>

#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "compiler/passes/unrolled_sequence.h"

namespace portfire::passes {
namespace {

using ir::kNoValue;
using ir::Ref;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

constexpr size_t kFewest = 2;  // steps that are worth a layer
constexpr size_t kMost = 256;  // layers of one graph: each is found in a walk of its own

ValueId id(const Arg& a) { return a.ref() ? a.ref()->id : kNoValue; }

class Roller {
 public:
  explicit Roller(const Graph& graph) : in_(graph), unrolled_(in_), b_(&g_) {}

  // The graph with a layer in the place of the first chain of steps that can be one; none where no chain can.
  std::optional<Graph> roll() {
    std::vector<Step> steps;
    for (const Node& n : in_.nodes)
      for (Step& s : unrolled_.steps(n)) steps.push_back(std::move(s));
    std::multimap<ValueId, const Step*> by_h;
    for (const Step& s : steps) by_h.emplace(s.h_next, &s);
    std::map<const Step*, const Step*> before, after;
    for (const Step& s : steps)
      for (auto [it, end] = by_h.equal_range(s.h); it != end && !before.count(&s); ++it)
        if (follows(*it->second, s) && after.try_emplace(it->second, &s).second) before[&s] = it->second;
    for (const Step& s : steps) {
      if (before.count(&s) && !ends_with(*before[&s], after)) continue;  // inside of a chain
      std::vector<const Step*> chain{&s};
      for (auto it = after.find(&s); it != after.end() && !ends_with(*chain.back(), after); it = after.find(it->second))
        chain.push_back(it->second);
      if (chain[0]->h == kNoValue && (chain.size() < 2 || !begins_with_zeros(*chain[0], *chain[1]))) chain.erase(chain.begin());
      if (chain.size() < kFewest || feeds_itself(chain)) continue;
      if (make_layer(chain)) return in_order(std::move(g_));
    }
    return std::nullopt;
  }

 private:
  bool follows(const Step& p, const Step& s) const {
    if (p.cell != s.cell || p.c_next != s.c) return false;
    return p.h == kNoValue || (unrolled_.equal(p.w, s.w) && unrolled_.equal(p.b, s.b) && p.w_turned == s.w_turned);
  }

  // Whether somebody but the next step reads c' of `s`: layers give the last one only.
  bool ends_with(const Step& s, const std::map<const Step*, const Step*>& after) const {
    if (s.c_next == kNoValue) return false;
    if (unrolled_.uses().is_result(s.c_next)) return true;
    const auto next = after.find(&s);
    return std::any_of(unrolled_.uses().users(s.c_next).begin(), unrolled_.uses().users(s.c_next).end(),
                       [&](const Node* n) { return !s.nodes.count(n) && (next == after.end() || !next->second->nodes.count(n)); });
  }

  // Whether the first step, whose product is constant, had zeros for h: each row of it is the bias.
  bool begins_with_zeros(const Step& first, const Step& next) const {
    const ir::Constant* bias = next.b == kNoValue ? nullptr : constant_of(in_, next.b);
    if (next.b != kNoValue && !bias) return false;
    const size_t parts = first.from_h.size(), row = bias ? bias->bytes / parts : sizeof(float);
    const float zero = 0;
    for (size_t p = 0; p < parts; ++p) {
      const ir::Constant* k = constant_of(in_, first.from_h[p]);
      const auto* expected = bias ? static_cast<const std::byte*>(bias->data) + p * row : reinterpret_cast<const std::byte*>(&zero);
      if (in_.type(first.from_h[p]).dtype != DType::f32 || k->bytes == 0 || row == 0 || k->bytes % row != 0) return false;
      for (size_t i = 0; i < k->bytes; i += row)
        if (std::memcmp(static_cast<const std::byte*>(k->data) + i, expected, row) != 0) return false;
    }
    return true;
  }

  // Whether what a step's input brings depends on what the chain computes.
  bool feeds_itself(const std::vector<const Step*>& chain) const {
    std::vector<bool> depends(in_.values.size());
    std::set<const Node*> own;
    for (const Step* s : chain) own.insert(s->nodes.begin(), s->nodes.end());
    for (const Step* s : chain) {
      depends[s->h_next] = true;
      if (s->c_next != kNoValue) depends[s->c_next] = true;
    }
    for (const Node& n : in_.nodes) {
      if (own.count(&n)) continue;
      bool any = false;
      for_each_ref(n, [&](ValueId v) { any |= depends[v]; });
      for (ValueId v : n.outs) depends[v] = depends[v] || any;
    }
    return std::any_of(chain.begin(), chain.end(), [&](const Step* s) { return depends[s->x]; });
  }

  // --- the layer ---

  // gates + bias; of the product that makes them, where that is one with a constant bias.
  Tensor with_bias(Tensor gates, ValueId bias) {
    const Node* n = maker(gates.id);
    const bool product = n && n->op->name == "aten::linear" && n->args[2].ref();
    const ir::Constant *own = product ? constant_of(g_, n->args[2].ref()->id) : nullptr, *more = constant_of(g_, bias);
    if (!own || !more || own->bytes != more->bytes) return gates + Tensor{&b_, bias};
    std::vector<float> sum(own->bytes / sizeof(float));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] = static_cast<const float*>(own->data)[i] + static_cast<const float*>(more->data)[i];
    const Arg x = n->args[0], w = n->args[1];
    return b_("aten::linear", x, w, b_.constant(DType::f32, {static_cast<int64_t>(sum.size())}, sum.data()));
  }

  bool make_layer(const std::vector<const Step*>& chain) {
    const Step &first = *chain[0], &last = *chain.back();
    const Type& h_type = in_.type(last.h_next);
    if (h_type.rank() < 1 || !h_type.sizes.back().is_static()) return false;
    const int64_t hidden = h_type.sizes.back().at[0], gates_of = last.cell == Step::lstm ? 4 : last.cell == Step::gru ? 3 : 1;
    std::vector<ValueId> xs;
    for (const Step* s : chain) {
      const Type& x = in_.type(unrolled_.root(s->x));
      if (x.rank() < 1 || x.sizes.back() != ir::Dim(hidden * gates_of) || !same_rows(x, h_type)) return false;
      xs.push_back(s->x);
    }
    g_ = in_;
    b_ = Builder(&g_);  // what it knows of sizes is of the graph before
    try {
      const ir::Int batch = rows(unrolled_.root(first.x));
      bool backwards = false;
      Tensor gates = without_flip(sequence_of(b_, unrolled_, xs, batch, &backwards), &backwards);
      if (last.b != kNoValue && last.cell != Step::gru) gates = with_bias(gates, last.b);
      const auto state = [&](ValueId v) {
        return v == kNoValue ? b_.full({batch, hidden}, 0.0, DType::f32) : shaped(b_, {&b_, v}, {batch, hidden});
      };
      const Tensor h = state(first.h), c = last.cell == Step::lstm ? state(first.c) : Tensor(), plain_w{&b_, last.w};
      const Tensor w = last.w_turned ? b_.permute(plain_w, {1, 0}) : plain_w;
      std::vector<Tensor> results;
      if (last.cell == Step::lstm)
        results = b_.all("portfire::lstm_layer", gates, h, c, w, Arg(), Arg(), backwards);
      else if (last.cell == Step::gru)
        results = b_.all("portfire::gru_layer", gates, h, w, last.b == kNoValue ? Arg() : Arg(Ref{last.b}), Arg(), backwards);
      else
        results = b_.all("portfire::rnn_layer", gates, h, w, Arg(), last.cell == Step::relu, backwards);
      replace(chain, results, batch, backwards);
      return true;
    } catch (const ir::Refusal&) {  // a shape that layers do not take
      return false;
    }
  }

  // How many rows the elements of `v` are. One size at the most varies.
  ir::Int rows(ValueId v) {
    const Type& t = in_.type(v);
    int64_t known = 1;
    for (int64_t d = 0; d + 1 < t.rank(); ++d) {
      const ir::Dim& size = t.sizes[static_cast<size_t>(d)];
      if (!size.is_static()) return b_.size({&b_, v}, d);
      known *= size.at[0];
    }
    return known;
  }
  static bool same_rows(const Type& x, const Type& y) {
    const auto product = [](Type t) {
      t.sizes.pop_back();
      return t.numel();
    };
    const auto one_varies = [](const Type& t) {  // and stands beside ones
      return t.is_static() || std::count(t.sizes.begin(), t.sizes.end() - 1, ir::Dim(1)) + 2 >= t.rank();
    };
    return one_varies(x) && one_varies(y) && product(x) == product(y);
  }

  // A sequence that was turned around is walked from its end instead.
  Tensor without_flip(Tensor t, bool* backwards) const {
    const Node* n = maker(t.id);
    if (!n || n->op->name != "aten::flip" || n->args[1] != Arg(Arg::List{Arg(0)})) return t;
    *backwards = !*backwards;
    return {t.g, id(n->args[0])};
  }
  // The node of the graph being made that has `v` as its first result.
  const Node* maker(ValueId v) const {
    const auto n = std::find_if(g_.nodes.begin(), g_.nodes.end(), [&](const Node& m) { return !m.outs.empty() && m.outs[0] == v; });
    return n == g_.nodes.end() ? nullptr : &*n;
  }

  // Puts the layer's results, [steps, batch, hidden] and states [batch, hidden], in the places of those of its steps.
  void replace(const std::vector<const Step*>& chain, const std::vector<Tensor>& results, ir::Int batch, bool backwards) {
    std::map<ValueId, ValueId> now;
    const int64_t steps = static_cast<int64_t>(chain.size());
    std::map<ValueId, int64_t> step_of;
    for (int64_t i = 0; i < steps; ++i) step_of[chain[static_cast<size_t>(i)]->h_next] = i;
    const size_t count = in_.nodes.size();
    for (const Node& n : in_.nodes) {  // what joins them all again is the layer's output
      bool turned = false;
      if (n.op->name != "aten::cat" || !joins(n, step_of, &turned)) continue;
      const Tensor t = turned == backwards ? results[0] : b_("aten::flip", results[0], std::vector<int64_t>{0});
      const int64_t rank = in_.type(n.outs[0]).rank(), dim = *n.args[1].integer() + (*n.args[1].integer() < 0 ? rank : 0);
      now[n.outs[0]] = dim == 0 ? like(t, n.outs[0], batch) : b_.permute(t, {1, 0, 2}).id;
    }
    for (const auto& [v, i] : step_of) {
      const int64_t place = backwards ? steps - 1 - i : i;
      now[v] = like(b_("aten::slice.Tensor", results[0], 0, place, place + 1, 1), v, batch);
    }
    if (results.size() > 2) now[chain.back()->c_next] = like(results[2], chain.back()->c_next, batch);
    const auto mapped = [&](ValueId& v) {
      if (const auto it = v == kNoValue ? now.end() : now.find(v); it != now.end()) v = it->second;
    };
    for (size_t k = 0; k < count; ++k)
      for (Arg& a : g_.nodes[k].args) replace_in(a, now);
    for (ir::Output& o : g_.outputs) mapped(o.value);
    for (ir::Buffer& b : g_.buffers) mapped(b.update);
    for (ir::InputMutation& m : g_.input_mutations) mapped(m.value);
  }

  static void replace_in(Arg& a, const std::map<ValueId, ValueId>& now) {
    if (const Ref* r = a.ref())
      if (const auto it = now.find(r->id); it != now.end()) a = Ref{it->second};
    if (auto* l = std::get_if<Arg::List>(&a.v))
      for (Arg& item : *l) replace_in(item, now);
  }

  ir::Int size_of(ValueId v, int64_t d, ir::Int batch) const {
    const ir::Dim& size = in_.type(v).sizes[static_cast<size_t>(d)];
    return size.is_static() ? ir::Int(size.at[0]) : batch;
  }
  ValueId like(Tensor t, ValueId v, ir::Int batch) {
    std::vector<ir::Int> sizes;
    for (int64_t d = 0; d < in_.type(v).rank(); ++d) sizes.push_back(size_of(v, d, batch));
    return shaped(b_, t, sizes).id;
  }

  // Whether `cat` joins all steps' h along the first dimension, or the second of [batch, step, hidden]; `turned`: the last step's first.
  bool joins(const Node& cat, const std::map<ValueId, int64_t>& step_of, bool* turned) const {
    std::vector<ValueId> parts;
    if (!cat.args[1].integer() || !parts_of(cat, *cat.args[1].integer(), &parts) || parts.size() != step_of.size()) return false;
    const int64_t rank = in_.type(cat.outs[0]).rank(), dim = *cat.args[1].integer() + (*cat.args[1].integer() < 0 ? rank : 0);
    if (dim != 0 && !(dim == 1 && rank == 3)) return false;
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto it = step_of.find(unrolled_.root(parts[i]));
      if (it == step_of.end()) return false;
      if (i == 0) *turned = it->second != 0;
      if (it->second != static_cast<int64_t>(*turned ? parts.size() - 1 - i : i)) return false;
      const Type &part = in_.type(parts[i]), &h = in_.type(it->first);
      if (part.sizes[static_cast<size_t>(dim)] != ir::Dim(1) || part.sizes.back() != h.sizes.back()) return false;
    }
    return true;
  }
  bool parts_of(const Node& cat, int64_t dim, std::vector<ValueId>* parts) const {
    const Arg::List* list = cat.args[0].list();
    for (const Arg& a : list ? *list : Arg::List()) {
      if (!a.ref()) return false;
      const Node* inner = unrolled_.producer(a.ref()->id);
      if (inner && inner->op->name == "aten::cat" && inner->args[1] == Arg(dim)) {
        if (!parts_of(*inner, dim, parts)) return false;
      } else {
        parts->push_back(a.ref()->id);
      }
    }
    return list != nullptr;
  }

  const Graph& in_;
  const Unrolled unrolled_;
  Graph g_;  // being made: a copy of the other, with the layer behind it
  Builder b_;
};

}  // namespace

Result<Graph> roll_recurrent(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, roll_recurrent));
  for (size_t layers = 0; layers < kMost; ++layers) {
    std::optional<Graph> rolled = Roller(graph).roll();
    if (!rolled) break;
    graph = eliminate_dead(*std::move(rolled));
  }
  return graph;
}

}  // namespace portfire::passes
