// Constant masks of attention that an argument says shorter: one that hides nothing goes, and one that hides what comes
// later (row i sees columns 0 to i) becomes `is_causal`, by which half of the scores need not be computed.
#include <cmath>

#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace portfire::passes {
namespace {

enum class Kind { hides_nothing, causal, other };

// `hidden(i)`: whether element i of a row-major mask hides, or 2 where it does something else.
template <class F>
Kind kind_of(int64_t elements, int64_t rows, int64_t columns, F hidden) {
  bool nothing = true, causal = true;
  for (int64_t i = 0; i < elements && (nothing || causal); ++i) {
    const int h = hidden(i);
    const bool later = i % columns > i / columns % rows;
    nothing &= h == 0;
    causal &= h == (later ? 1 : 0);
  }
  return nothing ? Kind::hides_nothing : causal ? Kind::causal : Kind::other;
}

Kind mask_kind(const Graph& g, const Node& n) {
  if (!n.args[3].ref()) return Kind::other;
  const ir::ValueId v = n.args[3].ref()->id;
  const ir::Constant* c = constant_of(g, v);
  const ir::Type &t = g.type(v), &scores = g.type(n.args[0].ref()->id), &keys = g.type(n.args[1].ref()->id);
  if (!c || t.rank() < 2 || !t.is_static() || !t.is_contiguous() || scores.rank() < 2 || keys.rank() < 2) return Kind::other;
  const ir::Dim rows = t.sizes[t.rank() - 2], columns = t.sizes[t.rank() - 1];
  // A mask that repeats along the rows or the columns is no triangle.
  if (rows != scores.sizes[scores.rank() - 2] || columns != keys.sizes[keys.rank() - 2]) return Kind::other;
  const int64_t r = rows.at[0], k = columns.at[0], elements = t.upper_bytes() / static_cast<int64_t>(byte_size(t.dtype));
  if (r < 1 || k < 1) return Kind::other;
  if (t.dtype == DType::boolean) return kind_of(elements, r, k, [data = static_cast<const uint8_t*>(c->data)](int64_t i) { return data[i] ? 0 : 1; });
  if (t.dtype == DType::f32)
    return kind_of(elements, r, k, [data = static_cast<const float*>(c->data)](int64_t i) { return data[i] == 0 ? 0 : data[i] == -INFINITY ? 1 : 2; });
  return Kind::other;
}

bool is_number(const Graph& g, const Arg& a, float number) {
  const ir::Constant* c = a.ref() ? constant_of(g, a.ref()->id) : nullptr;
  return c && c->bytes == sizeof(float) && g.type(a.ref()->id).dtype == DType::f32 && *static_cast<const float*>(c->data) == number;
}

// A mask of numbers that is made of one of truths, 0 where something takes part and -infinity elsewhere: that one.
Arg truths_of(const Graph& g, const Uses& uses, const Arg& mask) {
  const Node* where = mask.ref() ? uses.producer(mask.ref()->id) : nullptr;
  if (!where || where->op->name != "aten::where.self" || !where->args[0].ref()) return mask;
  if (!is_number(g, where->args[1], 0) || !is_number(g, where->args[2], -INFINITY)) return mask;
  const ir::Type& truths = g.type(where->args[0].ref()->id);
  return truths.sizes == g.type(mask.ref()->id).sizes && truths.is_contiguous() ? where->args[0] : mask;
}

}  // namespace

Result<Graph> simplify_masks(Graph graph) {
  PF_TRY(rewrite_sub_graphs(&graph, simplify_masks));
  const Uses uses(graph);
  for (Node& n : graph.nodes) {
    if (n.op->name != "aten::scaled_dot_product_attention" || !n.args[5].boolean() || *n.args[5].boolean()) continue;
    n.args[3] = truths_of(graph, uses, n.args[3]);
    const Kind kind = mask_kind(graph, n);
    if (kind == Kind::other) continue;
    n.args[3] = Arg();
    n.args[5] = kind == Kind::causal;
  }
  return eliminate_dead(std::move(graph));
}

}  // namespace portfire::passes
