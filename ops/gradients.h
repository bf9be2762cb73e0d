// What gradient rules share. Only the host instantiates it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"

namespace portfire::ops {

// The dimensions that argument `name` lists, in [0, rank) and in order; all where it is None or empty.
template <class G>
std::vector<int64_t> reduced_dims(G& g, std::string_view name, int rank) {
  std::vector<int64_t> dims = g.known_ints(name);
  for (int64_t& d : dims) d = d < 0 ? d + std::max(rank, 1) : d;
  if (dims.empty())
    for (int d = 0; d < rank; ++d) dims.push_back(d);
  if (rank == 0) dims.clear();
  std::sort(dims.begin(), dims.end());
  return dims;
}

// What has lost `dims` of its dimensions gets them back, with size 1.
template <class G, class T>
T with_dims(G& g, T reduced, const std::vector<int64_t>& dims, bool kept) {
  if (!kept)
    for (int64_t d : dims) reduced = g("aten::unsqueeze", reduced, d);
  return reduced;
}

template <class G, class T>
bool same_sizes(G& g, T a, T b) {
  bool all = a.rank() == b.rank();
  for (int k = 0; all && k < a.rank(); ++k) all = same(g.size(a, k), g.size(b, k));
  return all;
}

// The conjugate; reals are their own. With d = dL/d(re) + i dL/d(im), PyTorch's convention, what is holomorphic gives d conj(f').
template <class G, class T>
T conj_of(G& g, T x) {
  return is_complex(x.dtype()) ? g("aten::conj_physical", x) : x;
}

template <class G, class T>
T zeros_like(G& g, T x, DType dtype) {
  return g.full(g.sizes(x), 0.0, dtype);
}

// For operators whose first result holds elements of `self` along `dim`, and whose second says which.
template <class G>
void give_to_places(G& g, bool keepdim, bool several) {
  auto x = g.tensor("self"), d = g.grad(), places = g.value(1);
  if (x.rank() == 0) return g.give("self", d);
  const int64_t dim = g.dim("dim", x.rank());
  if (!keepdim) {
    d = g("aten::unsqueeze", d, dim);
    places = g("aten::unsqueeze", places, dim);
  }
  g.give("self", g(several ? "aten::scatter_add" : "aten::scatter.src", zeros_like(g, x, d.dtype()), dim, places, d));
}

// For each element along `dim` the product of the others, of which one may be 0.
template <class G, class T>
T product_of_others(G& g, T x, int64_t dim) {
  const auto n = g.size(x, dim);
  const std::vector<int64_t> dims{dim};
  auto first = g("aten::slice.Tensor", x, dim, 0, 1);
  auto one = g("aten::full_like", first, 1.0);
  const auto before = [&](T t) { return g("aten::cumprod", g("aten::cat", std::vector<T>{one, g("aten::slice.Tensor", t, dim, 0, n - 1)}, dim), dim); };
  return before(x) * g("aten::flip", before(g("aten::flip", x, dims)), dims);
}

// Where the rule of `where` has set d to 0, if it did.
template <class G, class T>
T hidden_from(G& g, T d) {
  const auto& nodes = g.graph().nodes;
  for (auto n = nodes.rbegin(); n != nodes.rend(); ++n)
    if (!n->outs.empty() && n->outs[0] == d.id) {
      const bool hides = n->op->name == "aten::where.ScalarSelf" && n->args[1].real() && *n->args[1].real() == 0;
      return hides ? T{&g, n->args[0].ref()->id} : T{};
    }
  return {};
}

// For amax and amin: those that are equal share.
template <class G>
void give_to_extremes(G& g) {
  auto x = g.tensor("self");
  const auto dims = reduced_dims(g, "dim", x.rank());
  const bool kept = g.boolean("keepdim");
  auto most = with_dims(g, g.value(), dims, kept), d = with_dims(g, g.grad(), dims, kept);
  auto share = g.cast(g("aten::eq.Tensor", x, most), d.dtype());
  if (!dims.empty()) share = share / g("aten::sum.dim_IntList", share, dims, true);
  g.give("self", d * share);
}

// The gradient of what `scatter` reads of `src`, of which there may be more than of `index`.
template <class G>
auto padded_gather(G& g) {
  auto src = g.tensor("src"), index = g.tensor("index");
  auto d = g("aten::gather", g.grad(), g.arg("dim"), index);
  std::vector<typename G::Int> pad;
  bool more = false;
  for (int k = src.rank() - 1; k >= 0; --k) {
    pad.push_back(0);
    pad.push_back(g.size(src, k) - g.size(index, k));
    more |= !same(pad.back(), 0);
  }
  return more ? g("aten::constant_pad_nd", d, pad, 0.0) : d;
}

// For operators that only place elements: `place` is the operator itself, of a tensor that numbers the elements of the last
// `spatial` dimensions and has size 1 in those before. Numbers are of f64, which holds them exactly.
template <class G, class F>
void give_to_sources(G& g, int spatial, F place) {
  auto x = g.tensor("self"), d = g.grad();
  using Sizes = std::vector<typename G::Int>;
  const Sizes sizes = g.sizes(x);
  const size_t lead = sizes.size() - static_cast<size_t>(spatial);
  typename G::Int count = 1, out = 1;
  Sizes ones(lead, 1), flat(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(lead));
  for (size_t k = lead; k < sizes.size(); ++k) {
    count = count * sizes[k];
    ones.push_back(sizes[k]);
  }
  for (int64_t k = static_cast<int64_t>(lead); k < d.rank(); ++k) out = out * g.size(d, k);
  auto numbers = g("aten::arange.start_step", 0, count, 1, DType::f64);
  auto index = g.cast(place(g.reshape(numbers, ones)), DType::i64);
  Sizes index_sizes(lead, 1);
  index_sizes.push_back(out);
  Sizes to = flat;
  flat.push_back(out);
  to.push_back(count);
  auto sum = g("aten::scatter_add", g.full(to, 0.0, d.dtype()), -1, g("aten::expand", g.reshape(index, index_sizes), flat), g.reshape(d, flat));
  g.give("self", g.reshape(sum, sizes));
}

// Which of these arguments want a gradient.
template <class G>
std::vector<bool> mask_of(G& g, std::initializer_list<std::string_view> args) {
  std::vector<bool> mask;
  for (std::string_view a : args) mask.push_back(g.wants(a));
  return mask;
}

}  // namespace portfire::ops
