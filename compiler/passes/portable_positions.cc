// Operators that are about positions (order, searches, diagonals, running products, where maxima were), by comparisons and gathers that
// ExecuTorch's portable library has.
#include <limits>
#include <map>

#include "compiler/passes/portable_forms.h"

namespace portfire::passes {
namespace {

using ir::Int;
using ir::Tensor;
using Call = PortableCall;
using Results = std::vector<Arg>;

int64_t wrapped(int64_t dim, int rank) { return dim < 0 ? dim + rank : dim; }

// For each element along the last dimension how many stand before it: smaller ones (larger ones, if `descending`), and equal ones that
// come earlier. NaN counts as larger than any number.
Tensor ranks(Builder& b, Tensor x, bool descending) {
  const int last = x.rank();
  const Tensor own = b("aten::unsqueeze", x, last), other = b("aten::unsqueeze", x, last - 1);
  Tensor before = b(descending ? "aten::gt.Tensor" : "aten::lt.Tensor", other, own), same = b("aten::eq.Tensor", other, own);
  if (is_floating(x.dtype())) {
    const Tensor own_nan = b("aten::isnan", own), other_nan = b("aten::isnan", other);
    const Tensor first = descending ? other_nan : own_nan, second = descending ? own_nan : other_nan;
    before = b("aten::logical_or", before, b("aten::logical_and", first, b("aten::logical_not", second)));
    same = b("aten::logical_or", same, b("aten::logical_and", own_nan, other_nan));
  }
  const Int n = b.size(x, -1);
  const Tensor column = b("aten::unsqueeze", counting(b, n), 1), row = counting(b, n);
  const Tensor earlier = b("aten::lt.Tensor", row, column);
  return b("aten::sum.dim_IntList", b("aten::logical_or", before, b("aten::logical_and", same, earlier)), std::vector<int64_t>{-1}, false);
}

// By rank, so that equal ones keep their order; where that would compare too many pairs and nobody asks for the order, as all of the
// library's largest (or smallest) k.
Results in_order(const Call& c, Tensor given, const Arg& at, bool descending, bool stable) {
  Builder& b = c.b;
  if (given.rank() == 0) return {b("aten::clone", given, 0), b.full({}, 0, DType::i64)};
  const int64_t dim = wrapped(*at.integer(), given.rank());
  const Int n = b.size(given, dim);
  if (too_many_pairs(given, n)) {
    if (stable || given.dtype() == DType::boolean)
      b.refuse("aten::sort of " + std::to_string(n.samples().upper()) + " elements at a time has no form in ExecuTorch's portable operators");
    const std::vector<Tensor> both = b.many("aten::topk", {given, n, dim, descending, true});
    return {both[0], both[1]};
  }
  std::vector<int64_t> order;
  for (int64_t d = 0; d < given.rank(); ++d) order.push_back(d);
  std::swap(order[static_cast<size_t>(dim)], order.back());  // is its own inverse
  const Tensor x = b.permute(given.dtype() == DType::boolean ? b.cast(given, DType::u8) : given, order);
  const Tensor rank = ranks(b, x, descending);
  const Tensor positions = b("aten::expand", counting(b, n), b.sizes(x)), zeros = b.full(b.sizes(x), 0, DType::i64);
  const Tensor indices = b("aten::scatter.src", zeros, -1, rank, positions);
  const Tensor values = b("aten::gather", x, -1, indices);
  return {b.cast(b.permute(values, order), given.dtype()), b.permute(indices, order)};
}

Results sorted(const Call& c) { return in_order(c, c.tensor(0), c.args[1], *c.args[2].boolean(), false); }
Results sorted_stable(const Call& c) { return in_order(c, c.tensor(0), c.args[2], *c.args[3].boolean(), true); }

// The element of rank `k` along `dim`, of sorted values and their indices.
Results of_rank(const Call& c, const Results& sorted, Tensor rank, int64_t dim, bool keep) {
  Results picked;
  for (const Arg& a : sorted) {
    const Tensor y = c.b("aten::gather", Tensor{&c.b, a.ref()->id}, dim, rank);
    picked.push_back(keep ? y : c.b("aten::squeeze.dim", y, dim));
  }
  return picked;
}
Results kth_value(const Call& c) {
  Builder& b = c.b;
  const Tensor x = c.tensor(0);
  if (x.rank() == 0) return in_order(c, x, Arg(0), false, false);
  const int64_t dim = wrapped(*c.args[2].integer(), x.rank());
  std::vector<Int> one = b.sizes(x);
  one[static_cast<size_t>(dim)] = 1;
  const Tensor rank = b.full(one, *c.args[1].integer() - 1, DType::i64);
  return of_rank(c, in_order(c, x, Arg(dim), false, true), rank, dim, *c.args[3].boolean());
}
// The lower of the two in the middle; the first NaN, where there is one.
Results median(const Call& c) {
  Builder& b = c.b;
  const Tensor x = c.tensor(0);
  if (x.rank() == 0) return in_order(c, x, Arg(0), false, false);
  const int64_t dim = wrapped(*c.args[1].integer(), x.rank());
  const Int n = b.size(x, dim);
  if (!n.known()) b.refuse("aten::median of a symbolic size has no form in ExecuTorch's portable operators");
  const Tensor nans = b("aten::sum.dim_IntList", b("aten::isnan", x), std::vector<int64_t>{dim}, true);
  const Tensor first = b("portfire::sub.Scalar_Tensor", n.fixed, nans);
  const Tensor rank = b("portfire::minimum.Scalar", first, (n.fixed - 1) / 2);
  const Tensor any = b("aten::gt.Scalar", nans, 0);
  return of_rank(c, in_order(c, x, Arg(dim), false, true), b.where(any, first, rank), dim, *c.args[2].boolean());
}

// How many of a sorted sequence are smaller than each value.
Results searched(const Call& c) {
  Builder& b = c.b;
  Tensor sequence = c.tensor(0);
  if (c.args[5].ref()) sequence = b("aten::gather", sequence, -1, c.tensor(5));
  const bool right = (c.args[3].boolean() && *c.args[3].boolean()) || c.args[4] == Arg("right");
  const Tensor values = c.is_tensor(1) ? c.tensor(1) : b.scalar_tensor(c.args[1], sequence.dtype());
  if (values.rank() > 0 && sequence.rank() > 1) sequence = b("aten::unsqueeze", sequence, sequence.rank() - 1);
  const Tensor v = b("aten::unsqueeze", values, values.rank());
  const Tensor before = b(right ? "aten::le.Tensor" : "aten::lt.Tensor", sequence, v);
  const Tensor count = b("aten::sum.dim_IntList", before, std::vector<int64_t>{-1}, false);
  return {c.args[2].boolean() && *c.args[2].boolean() ? b.cast(count, DType::i32) : count};
}

// Row r of the last two dimensions takes element r + min(offset, 0) of the source, in the column that the offset says.
Results diagonal_written(const Call& c) {
  Builder& b = c.b;
  const Tensor given = c.tensor(0), source = c.tensor(1);
  const int64_t offset = *c.args[2].integer(), first = wrapped(*c.args[3].integer(), given.rank()), second = wrapped(*c.args[4].integer(), given.rank());
  const Int length = b.size(source, -1);
  if (!length.known() || length.fixed == 0) return {b("aten::clone", given, 0)};
  std::vector<int64_t> order, back(static_cast<size_t>(given.rank()));
  for (int64_t d = 0; d < given.rank(); ++d)
    if (d != first && d != second) order.push_back(d);
  order.push_back(first);
  order.push_back(second);
  for (size_t k = 0; k < order.size(); ++k) back[static_cast<size_t>(order[k])] = static_cast<int64_t>(k);
  const Tensor x = b.permute(given, order), rows = counting(b, b.size(x, -2)), columns = counting(b, b.size(x, -1));
  const Tensor on = b("aten::eq.Scalar", columns - b("aten::unsqueeze", rows, 1), offset);
  Tensor from = offset < 0 ? rows + Arg(offset) : rows;
  from = b("portfire::minimum.Scalar", b("portfire::maximum.Scalar", from, 0), length.fixed - 1);
  const Tensor taken = b("aten::index_select", source, -1, from);
  return {b.permute(b.where(on, b("aten::unsqueeze", taken, taken.rank()), x), back)};
}

// y[i] = x[0] op ... op x[i] in log2 n steps: each takes in what lies twice as far back. `none` op x is x.
Results running(const Call& c, std::string_view op, double none) {
  Builder& b = c.b;
  Tensor y = b.cast(c.tensor(0), b.hint->dtype);
  if (y.rank() == 0) return {b("aten::clone", y, 0)};
  const int64_t dim = wrapped(*c.args[1].integer(), y.rank());
  const Int n = b.size(y, dim);
  if (!n.known()) b.refuse(std::string("a running ") + std::string(op) + " of a symbolic size has no form in ExecuTorch's portable operators");
  for (int64_t step = 1; step < n.fixed; step *= 2) {
    std::vector<Int> ones = b.sizes(y);
    ones[static_cast<size_t>(dim)] = step;
    const Tensor before = b("aten::slice.Tensor", y, dim, 0, n.fixed - step, 1);
    y = b(op, y, b("aten::cat", std::vector<Tensor>{b.full(ones, is_floating(y.dtype()) ? Arg(none) : Arg(static_cast<int64_t>(none)), y.dtype()), before}, dim));
  }
  return {y};
}
Results running_product(const Call& c) { return running(c, "aten::mul.Tensor", 1); }
Results running_sum_of_exponentials(const Call& c) { return running(c, "aten::logaddexp", -std::numeric_limits<double>::infinity()); }

// The largest of each window, in its plane and then among planes, and where it was: row-major order is that of planes first.
Results pooled_volume(const Call& c) {
  Builder& b = c.b;
  const Tensor given = c.tensor(0);
  const auto part = [&](size_t arg, size_t k, int64_t if_none) -> Arg {
    const Arg::List& l = *c.args[arg].list();
    return l.empty() ? Arg(if_none) : l[l.size() > k ? k : 0];
  };
  const auto pool = [&](Tensor x, bool planes) {
    std::vector<Arg> args{x};
    for (size_t arg : {1u, 2u, 3u, 4u}) {
      const int64_t other = arg == 3 ? 0 : 1;
      const size_t whole = arg == 2 && c.args[2].list()->empty() ? 1 : arg;  // strides are the window's sizes
      args.push_back(planes ? Arg::List{part(whole, 1, other), part(whole, 2, other)} : Arg::List{part(whole, 0, other), Arg(other)});
    }
    args.push_back(c.args[5]);
    return b.many("aten::max_pool2d_with_indices", args);
  };
  const Tensor x = given.rank() == 5 ? given : b("aten::unsqueeze", given, 0);
  const Int batch = b.size(x, 0), channels = b.size(x, 1), depth = b.size(x, 2), plane = b.size(x, 3) * b.size(x, 4);
  const std::vector<Tensor> flat = pool(b.reshape(x, {batch * channels, depth, b.size(x, 3), b.size(x, 4)}), true);
  const Int height = b.size(flat[0], 2), width = b.size(flat[0], 3);
  const std::vector<Tensor> deep = pool(b.reshape(flat[0], {batch, channels, depth, height * width}), false);
  const Int planes = b.size(deep[0], 2);
  const Tensor places = b.reshape(deep[1], {batch, channels, planes * height * width});
  const Tensor within = b("aten::gather", b.reshape(flat[1], {batch, channels, depth * height * width}), 2, places);
  if (!height.known() || !width.known() || !plane.known())
    b.refuse("aten::max_pool3d of a symbolic size has no form in ExecuTorch's portable operators");
  const Tensor which = b("portfire::div_floor.Scalar", places, height.fixed * width.fixed);
  const std::vector<Int> sizes{batch, channels, planes, height, width};
  const Tensor values = b.reshape(deep[0], sizes), indices = b.reshape(which * plane.fixed + within, sizes);
  if (given.rank() == 5) return {values, indices};
  return {b("aten::squeeze.dim", values, 0), b("aten::squeeze.dim", indices, 0)};
}

// Products and extremes of what goes to each place: all places look at all of the source along `dim`, and take what is theirs.
Tensor among_all(const Call& c) {
  Builder& b = c.b;
  Tensor self = c.tensor(0), index = c.tensor(2), source = c.tensor(3);
  const int rank = self.rank();
  const int64_t dim = rank ? wrapped(*c.args[1].integer(), rank) : 0;
  const bool product = c.args[4] == Arg("prod"), largest = c.args[4] == Arg("amax"), with_self = *c.args[5].boolean();
  const bool known = product || largest || c.args[4] == Arg("amin");
  if (rank == 0 || self.dtype() == DType::boolean || !known || too_many_pairs(self, b.size(index, dim)))
    b.refuse("aten::scatter_reduce.two, of numbers, of so many or to means of integers, has no form in ExecuTorch's portable operators");
  std::vector<int64_t> order;
  std::vector<Tensor> wholes;  // the index may say nothing of what lies behind its sizes
  for (int64_t d = 0; d < rank; ++d) {
    order.push_back(d);
    wholes.push_back(self);
    if (d != dim) self = b("aten::slice.Tensor", self, d, 0, b.size(index, d));
    source = b("aten::slice.Tensor", source, d, 0, b.size(index, d));
  }
  std::swap(order[static_cast<size_t>(dim)], order.back());
  const auto last = [&](Tensor x) { return b.permute(x, order); };
  self = last(self);
  const Tensor places = b("aten::unsqueeze", counting(b, b.size(self, -1)), 1);
  const Tensor theirs = b("aten::eq.Tensor", b("aten::unsqueeze", last(index), rank - 1), places);  // [..., places, source]
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const int width = static_cast<int>(byte_size(self.dtype())) * 8;
  const int64_t most = self.dtype() == DType::u8 ? 255 : std::numeric_limits<int64_t>::max() >> (64 - width), least = self.dtype() == DType::u8 ? 0 : -most - 1;
  const Arg none = is_floating(self.dtype()) ? Arg(product ? 1.0 : largest ? -kInfinity : kInfinity) : Arg(product ? 1 : largest ? least : most);
  const Tensor all = b.where(theirs, b("aten::unsqueeze", last(source), rank - 1), none);
  const std::vector<int64_t> along{-1};
  Tensor found = product ? b.cast(b("aten::prod.dim_int", all, -1, false), self.dtype()) : b(largest ? "aten::amax" : "aten::amin", all, along, false);
  if (with_self) found = product ? self * found : b(largest ? "aten::maximum" : "aten::minimum", self, found);
  Tensor y = b.permute(b.where(b("aten::any.dim", theirs, -1, false), found, self), order);
  for (int64_t d = rank - 1; d >= 0; --d)
    if (d != dim) y = b("aten::slice_scatter", wholes[static_cast<size_t>(d)], y, d, 0, b.size(index, d));
  return y;
}

// Sums and their means; where the target does not count, it begins as 0 at the places that are written to.
Results reduced_to_places(const Call& c) {
  Builder& b = c.b;
  const Tensor self = c.tensor(0), index = c.tensor(2), source = c.tensor(3);
  const bool mean = c.args[4] == Arg("mean"), with_self = *c.args[5].boolean();
  if (!(mean && is_floating(self.dtype())) && !(c.args[4] == Arg("sum"))) return {among_all(c)};
  const Tensor from = with_self ? self : b("aten::scatter.value", self, c.args[1], index, 0);
  const Tensor sum = b("aten::scatter_add", from, c.args[1], index, source);
  if (!mean) return {sum};
  const Tensor ones = b.full(b.sizes(source), 1, self.dtype()), begin = b.full(b.sizes(self), with_self ? 1 : 0, self.dtype());
  const Tensor count = b("aten::scatter_add", begin, c.args[1], index, ones);
  const Tensor at_least_1 = b("portfire::maximum.Scalar", count, 1.0);
  return {sum / at_least_1};
}

}  // namespace

std::optional<std::vector<Arg>> by_positions(const Node& n, const PortableCall& c) {
  static const std::map<std::string_view, Results (*)(const Call&)> all = {
      {"aten::max_pool3d_with_indices", pooled_volume},
      {"aten::max_pool3d", [](const Call& c) -> Results { return {pooled_volume(c)[0]}; }},
      {"aten::scatter_reduce.two", reduced_to_places},
      {"aten::sort", sorted},
      {"aten::sort.stable", sorted_stable},
      {"aten::kthvalue", kth_value},
      {"aten::median.dim", median},
      {"aten::searchsorted.Tensor", searched},
      {"aten::diagonal_scatter", diagonal_written},
      {"aten::logcumsumexp", running_sum_of_exponentials},
      {"aten::cumprod", running_product}};
  const auto it = all.find(n.op->name);
  if (it == all.end()) return std::nullopt;
  return it->second(c);
}

}  // namespace portfire::passes
