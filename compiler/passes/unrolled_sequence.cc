#include "compiler/passes/unrolled_sequence.h"

namespace portfire::passes {

using ir::Arg;
using ir::Builder;
using ir::Node;
using ir::Tensor;
using ir::Type;
using ir::ValueId;

namespace {

// Values that lie one behind the other in `of` along its dimension `dim`, from place `first` on, or backwards from there.
struct Run {
  ValueId of = ir::kNoValue;
  int64_t dim = 0, first = 0;
  bool backwards = false;
};

class Sequence {
 public:
  Sequence(Builder& b, const Unrolled& unrolled, ir::Int batch) : b_(b), unrolled_(unrolled), batch_(batch) {}

  Tensor of(const std::vector<ValueId>& values, bool* backwards) {
    const Type& type = unrolled_.graph().type(unrolled_.root(values[0]));
    if (type.rank() == 0 || !type.sizes.back().is_static()) b_.reject("a step of unknown width");
    const int64_t width = type.sizes.back().at[0];
    Run run;
    if (find_run(values, &run)) {
      *backwards = run.backwards;
      return taken(run, static_cast<int64_t>(values.size()), width);
    }
    if (const Node* product = same_products(values)) {
      const bool linear = product->op->name == "aten::linear";
      std::vector<ValueId> inputs;
      for (ValueId v : values) inputs.push_back(operand(*maker(v), linear ? 0 : 1));
      const Tensor x = of(inputs, backwards), w{&b_, operand(*product, linear ? 1 : 2)};
      return b_("aten::linear", x, linear ? w : b_.permute(w, {1, 0}), product->args[linear ? 2 : 0]);
    }
    std::vector<Tensor> rows;
    for (ValueId v : values) rows.push_back(shaped(b_, {&b_, unrolled_.root(v)}, {1, batch_, width}));
    return b_("aten::cat", rows, 0);
  }

 private:
  const Node* maker(ValueId v) const { return unrolled_.producer(unrolled_.root(v)); }

  // Where `v` lies in another tensor, alone in its place.
  bool place(ValueId v, Run* at) const {
    const Node* n = maker(v);
    const bool slice = n && n->op->name == "aten::slice.Tensor", select = n && n->op->name == "aten::select.int";
    if (!slice && !select) return false;
    at->of = n->args[0].ref()->id;
    const Type& t = unrolled_.graph().type(at->of);
    const Arg &dim = n->args[1], &start = n->args[2];
    if (!dim.integer() || !start.integer() || (slice && (!n->args[4].integer() || *n->args[4].integer() != 1))) return false;
    at->dim = *dim.integer() + (*dim.integer() < 0 ? t.rank() : 0);
    const auto d = static_cast<size_t>(at->dim);
    if (!t.sizes[d].is_static() || (slice && unrolled_.graph().type(n->outs[0]).sizes[d] != ir::Dim(1))) return false;
    at->first = *start.integer() + (*start.integer() < 0 ? t.sizes[d].at[0] : 0);
    return at->first >= 0 && at->first < t.sizes[d].at[0];
  }

  bool find_run(const std::vector<ValueId>& values, Run* run) const {
    if (!place(values[0], run)) return false;
    for (size_t i = 1; i < values.size(); ++i) {
      Run at;
      if (!place(values[i], &at) || at.of != run->of || at.dim != run->dim) return false;
      if (i == 1) run->backwards = at.first < run->first;
      if (at.first != run->first + (run->backwards ? -1 : 1) * static_cast<int64_t>(i)) return false;
    }
    return true;
  }

  Tensor taken(const Run& run, int64_t count, int64_t width) {
    Tensor t{&b_, run.of};
    const int64_t from = run.backwards ? run.first - count + 1 : run.first;
    if (t.type().sizes[static_cast<size_t>(run.dim)] != ir::Dim(count)) t = b_("aten::slice.Tensor", t, run.dim, from, from + count, 1);
    std::vector<int64_t> order{run.dim};
    for (int64_t d = 0; d < t.rank(); ++d)
      if (d != run.dim) order.push_back(d);
    if (run.dim != 0) t = b_.permute(t, order);
    return shaped(b_, t, {count, batch_, width});
  }

  static ValueId operand(const Node& n, size_t i) { return n.args[i].ref() ? n.args[i].ref()->id : ir::kNoValue; }

  // One of the products, aten::linear or addmm, of one matrix with all of these; null where they are none.
  const Node* same_products(const std::vector<ValueId>& values) const {
    const Node* first = maker(values[0]);
    const bool linear = first && first->op->name == "aten::linear", addmm = first && first->op->name == "aten::addmm";
    if (!linear && !addmm) return nullptr;
    for (ValueId v : values) {
      const Node* n = maker(v);
      if (!n || n->op != first->op) return nullptr;
      if (addmm && (!is_number(n->args[3], 1) || !is_number(n->args[4], 1) || unrolled_.graph().type(operand(*n, 0)).rank() != 1)) return nullptr;
      for (size_t i = 0; i < 3; ++i)
        if (i != (linear ? 0 : 1) && !unrolled_.equal(operand(*n, i), operand(*first, i))) return nullptr;
    }
    return first;
  }

  Builder& b_;
  const Unrolled& unrolled_;
  ir::Int batch_;
};

}  // namespace

Tensor shaped(Builder& b, Tensor t, const std::vector<ir::Int>& sizes) {
  bool same = static_cast<size_t>(t.rank()) == sizes.size();
  for (size_t d = 0; same && d < sizes.size(); ++d) same = t.type().sizes[d] == sizes[d].samples();
  return same ? t : b.reshape(t, sizes);
}

Tensor sequence_of(Builder& b, const Unrolled& unrolled, const std::vector<ValueId>& values, ir::Int batch, bool* backwards) {
  *backwards = false;
  return Sequence(b, unrolled, batch).of(values, backwards);
}

}  // namespace portfire::passes
