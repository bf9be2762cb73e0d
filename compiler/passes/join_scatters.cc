// A sum of tensors that are zero but for a part each, as the gradients of slices of one tensor are, is what the parts are
// joined to: one pass over memory instead of three for each part. Parts that meet others, and what else is added, stay terms.
#include <algorithm>
#include <map>
#include <set>

#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

using ir::Type;
using ir::ValueId;

bool is_sum(const Node& n) {
  return n.op->name == "aten::add.Tensor" && n.args[0].ref() && n.args[1].ref() && n.args[2].integer() && *n.args[2].integer() == 1;
}
bool is_zeros(const Node* n) {
  if (!n || n->op->name != "aten::full") return false;
  return (n->args[1].real() && *n->args[1].real() == 0) || (n->args[1].integer() && *n->args[1].integer() == 0);
}

// `source` at [start, end) of dimension `dim` of zeros; `selects`: without that dimension.
struct Part {
  int64_t dim, start, end;
  bool selects;
  Arg source, zeros;  // of the new graph
};

class Joiner {
 public:
  explicit Joiner(const Graph& graph) : graph_(graph), uses_(graph) {}

  std::optional<std::vector<Arg>> visit(Builder& b, const Node& n, const std::vector<Arg>& args) {
    if (&n < graph_.nodes.data() || &n >= graph_.nodes.data() + graph_.nodes.size()) return std::nullopt;  // of a sub-graph: done before
    if (n.op->name == "aten::select_scatter") note(n, args, true);
    if (n.op->name == "aten::slice_scatter") note(n, args, false);
    if (!is_sum(n)) return std::nullopt;
    for (size_t i = 0; i < 2; ++i) now_[n.args[i].ref()->id] = args[i];
    const Node* user = uses_.only_user(n.outs[0]);
    if (user && is_sum(*user) && same_type(user->outs[0], n.outs[0])) return std::nullopt;  // the sum goes on
    return join(b, n);
  }

 private:
  bool same_type(ValueId x, ValueId y) const { return graph_.type(x) == graph_.type(y); }

  // A scatter: kept where it is into zeros, at a place that is known.
  void note(const Node& n, const std::vector<Arg>& args, bool selects) {
    const Type& type = graph_.type(n.outs[0]);
    if (!n.args[0].ref() || !is_zeros(uses_.producer(n.args[0].ref()->id)) || !n.args[2].integer() || type.rank() == 0 || !n.args[1].ref()) return;
    if (graph_.type(n.args[1].ref()->id).dtype != type.dtype) return;
    const int64_t dim = *n.args[2].integer() + (*n.args[2].integer() < 0 ? type.rank() : 0);
    if (!type.sizes[static_cast<size_t>(dim)].is_static()) return;
    const int64_t size = type.sizes[static_cast<size_t>(dim)].at[0];
    const auto bound = [&](const Arg& a, int64_t if_none) -> std::optional<int64_t> {
      if (a.none()) return if_none;
      if (!a.integer()) return std::nullopt;
      return std::clamp(*a.integer() + (*a.integer() < 0 ? size : 0), int64_t{0}, size);
    };
    const std::optional<int64_t> start = bound(n.args[3], 0);
    if (!start || (!selects && (!n.args[5].integer() || *n.args[5].integer() != 1))) return;
    const std::optional<int64_t> end = selects ? *start + 1 : bound(n.args[4], size);
    if (end && *start < *end && *end <= size) parts_[n.outs[0]] = {dim, *start, *end, selects, args[1], args[0]};
  }

  // The terms of the sum that ends in `n`.
  void find_terms(const Node& n, std::vector<ValueId>* terms) const {
    for (size_t i = 0; i < 2; ++i) {
      const ValueId v = n.args[i].ref()->id;
      const Node* from = uses_.producer(v);
      if (from && is_sum(*from) && same_type(v, n.outs[0]) && uses_.only_user(v))
        find_terms(*from, terms);
      else
        terms->push_back(v);
    }
  }

  std::optional<std::vector<Arg>> join(Builder& b, const Node& n) const {
    std::vector<ValueId> terms;
    find_terms(n, &terms);
    std::vector<Part> parts;
    std::set<ValueId> joined;
    for (const ValueId t : terms) {
      const auto it = parts_.find(t);
      if (it == parts_.end() || !uses_.only_user(t) || !same_type(t, n.outs[0])) continue;
      const Part& part = it->second;
      const auto fits = [&](const Part& p) { return p.dim == part.dim && (p.end <= part.start || part.end <= p.start); };
      if (!std::all_of(parts.begin(), parts.end(), fits)) continue;
      parts.push_back(part);
      joined.insert(t);
    }
    if (parts.size() < 2) return std::nullopt;
    std::sort(parts.begin(), parts.end(), [](const Part& x, const Part& y) { return x.start < y.start; });
    Arg sum = cat(b, parts, graph_.type(n.outs[0]).sizes[static_cast<size_t>(parts[0].dim)].at[0]);
    for (const ValueId t : terms)
      if (!joined.contains(t)) sum = Arg(b("aten::add.Tensor", now_.at(t), sum));
    return std::vector<Arg>{sum};
  }
  // Parts in order, of a dimension of that size.
  static Arg cat(Builder& b, const std::vector<Part>& parts, int64_t size) {
    Arg::List list;
    const int64_t dim = parts[0].dim;
    int64_t at = 0;
    const auto zeros_to = [&](int64_t end) {
      if (at < end) list.push_back(Arg(b("aten::slice.Tensor", parts[0].zeros, dim, at, end, 1)));
    };
    for (const Part& p : parts) {
      zeros_to(p.start);
      list.push_back(p.selects ? Arg(b("aten::unsqueeze", p.source, dim)) : p.source);
      at = p.end;
    }
    zeros_to(size);
    return Arg(b("aten::cat", Arg(std::move(list)), dim));
  }

  const Graph& graph_;
  Uses uses_;
  std::map<ValueId, Part> parts_;  // by the scatter's result
  std::map<ValueId, Arg> now_;     // terms in the new graph
};

}  // namespace

Result<Graph> join_scatters(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, join_scatters));
  Joiner joiner(graph);
  Result<Graph> out = rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) { return joiner.visit(b, n, args); });
  if (!out.ok()) return out.error();
  return eliminate_dead(*std::move(out));
}

}  // namespace portfire::passes
