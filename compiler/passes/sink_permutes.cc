// Element-wise chains, concatenations and quantizations of permuted views compute on what the views are of, and their
// result is permuted instead: layouts run through them, and permutes meet and cancel.
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

struct View {
  ValueId source;
  std::vector<int64_t> dims;
};

bool is_identity(const std::vector<int64_t>& dims) {
  for (size_t d = 0; d < dims.size(); ++d)
    if (dims[d] != static_cast<int64_t>(d)) return false;
  return true;
}

// Quantizing and dequantizing with one scale for all elements.
bool is_per_tensor(std::string_view name) {
  for (std::string_view family : {"quantized_decomposed::quantize_per_tensor", "quantized_decomposed::dequantize_per_tensor"})
    if (name.starts_with(family) && (name.size() == family.size() || name[family.size()] == '.')) return true;
  return false;
}

class Sinker {
 public:
  std::optional<std::vector<Arg>> visit(Builder& b, const Node& n, std::vector<Arg>& args) {
    views_ = &per_graph_.of(b);
    if (n.op->name == "aten::permute") return permute(b, args);
    if (n.op->name == "portfire::pointwise") return pointwise(b, args);
    if (n.op->name == "aten::cat") return cat(b, args);
    if (is_per_tensor(n.op->name)) return per_tensor(b, n, args);
    if (n.op->name == "aten::view") {
      std::vector<ir::Int> sizes;
      for (const Arg& a : *args[1].list()) sizes.push_back(a.ref() ? ir::Int(&b, a.ref()->id) : ir::Int(*a.integer()));
      return std::vector<Arg>{b.reshape(Tensor{&b, args[0].ref()->id}, sizes)};
    }
    return std::nullopt;
  }

 private:
  std::optional<std::vector<Arg>> permute(Builder& b, std::vector<Arg>& args) {
    ValueId source = args[0].ref()->id;
    std::vector<int64_t> dims;
    const int64_t rank = b.graph().type(source).rank();
    for (const Arg& a : *args[1].list()) dims.push_back(*a.integer() < 0 ? *a.integer() + rank : *a.integer());
    if (auto it = views_->find(source); it != views_->end()) {
      for (int64_t& d : dims) d = it->second.dims[static_cast<size_t>(d)];
      source = it->second.source;
    }
    return std::vector<Arg>{permuted(b, {&b, source}, dims)};
  }

  Tensor permuted(Builder& b, Tensor source, const std::vector<int64_t>& dims) {
    if (is_identity(dims)) return source;
    const Tensor view = b.permute(source, dims);
    (*views_)[view.id] = {source.id, dims};
    return view;
  }

  // The permutation that all full-rank operands have, where they have one; scalars and constants that
  // broadcast may join.
  const std::vector<int64_t>* common(Builder& b, const Arg::List& inputs, bool all) {
    const std::vector<int64_t>* dims = nullptr;
    size_t rank = 0;
    for (const Arg& a : inputs) rank = std::max(rank, static_cast<size_t>(b.graph().type(a.ref()->id).rank()));
    for (const Arg& a : inputs) {
      const Type& t = b.graph().type(a.ref()->id);
      auto it = views_->find(a.ref()->id);
      if (it != views_->end() && static_cast<size_t>(t.rank()) == rank) {
        if (dims && *dims != it->second.dims) return nullptr;
        dims = &it->second.dims;
      } else if (all || t.numel() != ir::Dim(1)) {
        // What is not permuted must be small: permuting it makes it a strided read.
        if (all || !constant_of(b.graph(), a.ref()->id)) return nullptr;
      }
    }
    return dims;
  }

  std::optional<std::vector<Arg>> pointwise(Builder& b, std::vector<Arg>& args) {
    const Arg::List inputs = *args[0].list();
    const std::vector<int64_t>* found = common(b, inputs, false);
    if (!found) return std::nullopt;
    const std::vector<int64_t> dims = *found;
    std::vector<int64_t> inverse(dims.size());
    for (size_t d = 0; d < dims.size(); ++d) inverse[static_cast<size_t>(dims[d])] = static_cast<int64_t>(d);
    Arg::List sources;
    for (const Arg& a : inputs) {
      Tensor t{&b, a.ref()->id};
      if (auto it = views_->find(t.id); it != views_->end() && t.rank() == static_cast<int>(dims.size())) {
        sources.push_back(Ref{it->second.source});
        continue;
      }
      if (t.type().numel() != ir::Dim(1) || t.rank() == static_cast<int>(dims.size())) {
        std::vector<ir::Int> sizes(dims.size() - static_cast<size_t>(t.rank()), ir::Int(1));
        for (ir::Int s : b.sizes(t)) sizes.push_back(s);
        t = b.permute(b.reshape(t, sizes), inverse);
      }
      sources.push_back(t);
    }
    return std::vector<Arg>{permuted(b, b("portfire::pointwise", Arg(sources), args[1]), dims)};
  }

  std::optional<std::vector<Arg>> per_tensor(Builder& b, const Node& n, std::vector<Arg>& args) {
    const auto view = views_->find(args[0].ref()->id);
    if (view == views_->end()) return std::nullopt;
    const View of = view->second;
    args[0] = Ref{of.source};
    return std::vector<Arg>{permuted(b, {&b, b.call(*n.op, args)[0].ref()->id}, of.dims)};
  }

  std::optional<std::vector<Arg>> cat(Builder& b, std::vector<Arg>& args) {
    const Arg::List inputs = *args[0].list();
    const std::vector<int64_t>* found = inputs.empty() ? nullptr : common(b, inputs, true);
    if (!found || !args[1].integer()) return std::nullopt;
    const std::vector<int64_t> dims = *found;
    int64_t dim = *args[1].integer();
    if (dim < 0) dim += static_cast<int64_t>(dims.size());
    if (dim < 0 || dim >= static_cast<int64_t>(dims.size())) return std::nullopt;
    Arg::List sources;
    for (const Arg& a : inputs) {
      if (!views_->count(a.ref()->id)) return std::nullopt;
      sources.push_back(Ref{(*views_)[a.ref()->id].source});
    }
    return std::vector<Arg>{permuted(b, b("aten::cat", Arg(sources), dims[static_cast<size_t>(dim)]), dims)};
  }

  PerGraph<std::map<ValueId, View>> per_graph_;
  std::map<ValueId, View>* views_ = nullptr;  // of the graph being built
};

}  // namespace

Result<Graph> sink_permutes(Graph graph) {
  Sinker sinker;
  Result<Graph> out = rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) { return sinker.visit(b, n, args); });
  if (!out.ok()) return out.error();
  return eliminate_dead(*std::move(out));
}

}  // namespace portfire::passes
