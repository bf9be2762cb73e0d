// Decomposed graphs flatten what a linear layer is given to a matrix, and take the result apart again:
//
//   view(addmm(bias, view(x, [n, k]), w), [..., m])   ->   linear(x, w^T, bias)
//   view(addmm(bias, x, w), [..., m])                 ->   linear(view(x, [..., k]), w^T, bias)   where nothing else reads the product
//
//   bmm(x, w repeated for each of the batch) [+ bias]  ->   linear(x, w^T, bias)
//
// so that what follows, a residual or an activation, stands next to the product and is taken into it. With constant weights only. Also, a view of
// a view becomes a view of what lies there, or that itself.
#include <cstring>
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

// Of the values of one graph.
struct Known {
  std::map<ValueId, ValueId> viewed;  // a view of a dense tensor: that tensor
  std::map<ValueId, ValueId> turned;  // a matrix transposed: the matrix
  struct Product {
    Tensor x, weights;
    Arg bias;
  };
  std::map<ValueId, Product> products;  // that only a view reads
  std::map<ValueId, Product> batches;   // without a bias

  ValueId root(ValueId v) const {
    const auto it = viewed.find(v);
    return it == viewed.end() ? v : it->second;
  }
};

// [m, k] where `v` is the constant [k, m]; nothing where it is no constant.
std::optional<Tensor> transposed_weights(Builder& b, const Known& known, ValueId v) {
  if (const auto it = known.turned.find(v); it != known.turned.end())
    return constant_of(b.graph(), it->second) ? std::optional<Tensor>({&b, it->second}) : std::nullopt;
  if (!constant_of(b.graph(), v)) return std::nullopt;
  return b.permute({&b, v}, {1, 0});
}

std::optional<std::vector<Arg>> lift(Builder& b, Known& known, const Node& n, const std::vector<Arg>& args, bool one_reads) {
  const bool addmm = n.op->name == "aten::addmm";
  if (addmm && (!is_number(args[3], 1) || !is_number(args[4], 1) || b.graph().type(args[0].ref()->id).rank() != 1)) return std::nullopt;
  const ValueId rows = args[addmm ? 1 : 0].ref()->id, x = known.root(rows);
  const Type from = b.graph().type(x), to = b.graph().type(rows);
  if (from.dtype != DType::f32) return std::nullopt;
  const bool as_it_was = x != rows && from.rank() >= 3 && from.sizes.back() == to.sizes.back();
  if (!as_it_was && !one_reads) return std::nullopt;
  const auto weights = transposed_weights(b, known, args[addmm ? 2 : 1].ref()->id);
  if (!weights) return std::nullopt;
  const Arg bias = addmm ? args[0] : Arg();
  if (!as_it_was) {
    const std::vector<Arg> product = b.call(*n.op, args);
    known.products[product[0].ref()->id] = {{&b, rows}, *weights, bias};
    return product;
  }
  const Tensor y = b("aten::linear", Tensor{&b, x}, *weights, bias);
  const Tensor flat = b.reshape(y, {b.size({&b, rows}, 0), b.size(y, -1)});
  known.viewed[flat.id] = y.id;
  return std::vector<Arg>{flat};
}

std::optional<std::vector<Arg>> view(Builder& b, Known& known, const Node& n, const std::vector<Arg>& args) {
  const ValueId source = args[0].ref()->id, root = known.root(source);
  if (const auto it = known.products.find(source); it != known.products.end() && b.hint) {
    const Known::Product& p = it->second;
    if (const Type to = *b.hint; to.rank() >= 3 && to.is_static() && to.sizes.back() == b.graph().type(source).sizes.back()) {
      std::vector<ir::Int> sizes;
      for (int d = 0; d + 1 < to.rank(); ++d) sizes.emplace_back(to.sizes[static_cast<size_t>(d)].at[0]);
      sizes.push_back(b.size(p.x, -1));
      const Tensor x{&b, known.root(p.x.id)};
      const Tensor apart = b.reshape(b.graph().type(x.id).is_contiguous() && !b.graph().type(x.id).unbounded ? x : p.x, sizes);
      return std::vector<Arg>{b("aten::linear", apart, p.weights, p.bias)};
    }
  }
  const Type from = b.graph().type(root);
  if (!from.is_contiguous() || from.unbounded) return std::nullopt;
  if (b.hint && *b.hint == from) return std::vector<Arg>{Ref{root}};
  const std::vector<Arg> result = b.call(*n.op, {Ref{root}, args[1]});
  known.viewed[result[0].ref()->id] = root;
  return result;
}

// The matrix that a constant [b, k, m] repeats; none where its matrices differ.
std::optional<Tensor> repeated(Builder& b, ValueId v) {
  const Type type = b.graph().type(v);
  const ir::Constant* c = constant_of(b.graph(), v);
  if (!c || type.dtype != DType::f32 || !type.is_static() || c->bytes == 0) return std::nullopt;
  const auto* data = static_cast<const std::byte*>(c->data);
  const size_t each = c->bytes / static_cast<size_t>(type.sizes[0].at[0]);
  for (size_t at = each; at < c->bytes; at += each)
    if (std::memcmp(data, data + at, each) != 0) return std::nullopt;
  return b.constant(DType::f32, {type.sizes[1].at[0], type.sizes[2].at[0]}, data);
}

std::optional<std::vector<Arg>> batches(Builder& b, Known& known, const std::vector<Arg>& args) {
  if (b.graph().type(args[0].ref()->id).dtype != DType::f32) return std::nullopt;
  const std::optional<Tensor> w = repeated(b, args[1].ref()->id);
  if (!w) return std::nullopt;
  const Tensor x{&b, args[0].ref()->id}, weights = b.permute(*w, {1, 0}), y = b("aten::linear", x, weights);
  known.batches[y.id] = {x, weights, Arg()};
  return std::vector<Arg>{y};
}

// y + bias, where y is such a product.
std::optional<std::vector<Arg>> with_bias(Builder& b, const Known& known, const std::vector<Arg>& args) {
  for (const auto& [y, bias] : {std::pair{args[0], args[1]}, std::pair{args[1], args[0]}}) {
    const auto it = y.ref() ? known.batches.find(y.ref()->id) : known.batches.end();
    if (it == known.batches.end() || !bias.ref() || !is_number(args[2], 1)) continue;
    const Type &of_y = b.graph().type(y.ref()->id), &of_bias = b.graph().type(bias.ref()->id);
    if (!constant_of(b.graph(), bias.ref()->id) || of_bias.dtype != DType::f32) continue;
    if (of_bias.rank() != 1 || of_bias.sizes[0] != of_y.sizes.back()) continue;
    return std::vector<Arg>{b("aten::linear", it->second.x, it->second.weights, bias)};
  }
  return std::nullopt;
}

}  // namespace

Result<Graph> lift_products(Graph graph) {
  PerGraph<Known> per_graph;
  const Uses uses(graph);
  const auto own = [&](const Node& n) { return &n >= graph.nodes.data() && &n < graph.nodes.data() + graph.nodes.size(); };  // of no sub-graph
  const auto only_adds = [&](const Node& add) {  // whether nothing else reads a product that it adds to, or a view of it
    for (const Arg& a : {add.args[0], add.args[1]}) {
      const Node* from = a.ref() ? uses.producer(a.ref()->id) : nullptr;
      const Node* behind = from && from->op->name == "aten::view" ? uses.producer(from->args[0].ref()->id) : from;
      if (behind && behind->op->name == "aten::bmm" && uses.only_user(a.ref()->id) && uses.only_user(behind->outs[0])) return true;
    }
    return false;
  };
  Result<Graph> out = rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) -> std::optional<std::vector<Arg>> {
    Known& known = per_graph.of(b);
    if (n.op->name == "aten::addmm" || n.op->name == "aten::mm") return lift(b, known, n, args, own(n) && uses.only_user(n.outs[0]));
    if (n.op->name == "aten::bmm") return batches(b, known, args);
    if (n.op->name == "aten::add.Tensor" && own(n) && only_adds(n)) return with_bias(b, known, args);
    if (n.op->name == "aten::view") return view(b, known, n, args);
    if (n.op->name != "aten::permute" || b.graph().type(args[0].ref()->id).rank() != 2) return std::nullopt;
    const std::vector<Arg> result = b.call(*n.op, args);
    if ((*args[1].list())[0].integer() && *(*args[1].list())[0].integer() == 1) known.turned[result[0].ref()->id] = args[0].ref()->id;
    return result;
  });
  if (!out.ok()) return out.error();
  return eliminate_dead(*std::move(out));
}

}  // namespace portfire::passes
