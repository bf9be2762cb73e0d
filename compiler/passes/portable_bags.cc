// Bags of embeddings by sums at places, and maxima of masked rows, that ExecuTorch's portable library has.
#include <limits>

#include "compiler/passes/portable_forms.h"

namespace portfire::passes {
namespace {

using ir::Int;
using ir::Tensor;

constexpr int64_t kSum = 0, kMean = 1, kMax = 2;

Tensor column(Builder& b, Tensor x) { return b("aten::unsqueeze", x, 1); }

// Bag b holds the indices from its offset on to the next one's.
std::vector<Arg> bags(const PortableCall& c) {
  Builder& b = c.b;
  const Tensor table = c.tensor(0), indices = c.tensor(1), offsets = b.cast(c.tensor(2), DType::i64);
  const int64_t mode = *c.args[4].integer(), padding = c.args[8].integer() ? *c.args[8].integer() : -1;
  const bool ends = *c.args[7].boolean();  // the last offset is where the last bag ends
  const Int n = b.size(indices, 0), width = b.size(table, 1), begun = b.size(offsets, 0), count = ends ? begun - 1 : begun;

  // How many bags begin at or before an index, less one; those behind the last bag's end have the number `count`.
  const Tensor begins = column(b, offsets), at = counting(b, n), before = b("aten::le.Tensor", begins, at);
  const Tensor which = b("aten::sum.dim_IntList", before, std::vector<int64_t>{0}, false) - 1;
  const auto at_bags = [&](Tensor rows) {  // sums of rows, [count, ...]
    std::vector<Int> sizes = b.sizes(rows);
    Tensor places = which;
    if (rows.rank() == 2) places = b("aten::expand", column(b, which), sizes);
    sizes[0] = begun + (ends ? 0 : 1);
    const Tensor sums = b("aten::scatter_add", b.full(sizes, 0, rows.dtype()), 0, places, rows);
    return b("aten::slice.Tensor", sums, 0, 0, count);
  };

  Tensor rows = b("aten::index_select", table, 0, indices);
  std::optional<Tensor> kept;  // [n]: not the padding
  if (padding >= 0) kept = b("aten::ne.Scalar", indices, padding);
  if (c.args[6].ref()) rows = rows * column(b, c.tensor(6));
  const Tensor ones = b.full({n}, 1, DType::i64), sizes = at_bags(kept ? b.where(*kept, ones, 0) : ones);

  Tensor result, place;
  if (mode == kMax) {
    if (too_many_pairs(rows, count))  // each row is looked at for each bag
      b.refuse("aten::_embedding_bag: the maxima of so many rows have no form in ExecuTorch's portable operators");
    Tensor own = b("aten::eq.Tensor", column(b, counting(b, count)), which);  // [count, n]
    if (kept) own = b("aten::logical_and", own, *kept);
    const Tensor mine = b("aten::unsqueeze", own, 2), each = b("aten::unsqueeze", rows, 0);
    const Tensor all = b.where(mine, each, -std::numeric_limits<double>::infinity());
    const Tensor filled = column(b, b("aten::gt.Scalar", sizes, 0));
    result = b.where(filled, b("aten::amax", all, std::vector<int64_t>{1}, false), 0.0);
    const Int maxima = count * width;
    const Tensor first = b.reshape(b("aten::argmax", all, 1, false), {maxima});
    place = b.where(filled, b.reshape(b("aten::index_select", indices, 0, first), {count, width}), 0);
  } else {
    result = at_bags(kept ? b.where(column(b, *kept), rows, 0.0) : rows);
    if (mode == kMean) result = result / column(b, b.cast(b("portfire::maximum.Scalar", sizes, 1), table.dtype()));
    place = sizes;
  }
  // Beside the rows: the bag of each index, the bags' sizes, where maxima were. A sum needs none of the last two and leaves them 0.
  const DType dtype = indices.dtype();
  const Tensor zeros = b.full({count}, 0, dtype);
  const Tensor numbers = mode == kSum && padding < 0 ? b.full({Int(0)}, 0, dtype) : b.cast(which, dtype);
  return {result, numbers, mode == kSum ? zeros : b.cast(sizes, dtype), mode == kSum ? zeros : b.cast(place, dtype)};
}

}  // namespace

std::optional<std::vector<Arg>> by_bags(const Node& n, const PortableCall& c) {
  if (n.op->name != "aten::_embedding_bag") return std::nullopt;
  return bags(c);
}

}  // namespace portfire::passes
