// aten::einsum: sums of products over labelled dimensions, made of permute, reshape and bmm.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ops/composite.h"

namespace portfire::ops::einsum {

// Dimensions carry labels: letters, and numbers over 255 for those an ellipsis stands for, counted
// from its last. `labels[d]` names dimension d.
using Labels = std::vector<int>;
inline constexpr int kEllipsis = 256;

inline bool has(const Labels& labels, int label) {
  for (int l : labels)
    if (l == label) return true;
  return false;
}

// "ij,jk->ik" by operand; an ellipsis is the single label kEllipsis until ranks are known.
struct Equation {
  std::vector<Labels> inputs;
  Labels output;
  bool explicit_output = false;
};
template <class G>
Equation parse(G& g, const std::string& text) {
  Equation e;
  e.inputs.emplace_back();
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    Labels& now = e.explicit_output ? e.output : e.inputs.back();
    if (c == ' ') continue;
    if (c == ',' && !e.explicit_output) e.inputs.emplace_back();
    else if (text.compare(i, 2, "->") == 0 && !e.explicit_output) e.explicit_output = true, ++i;
    else if (text.compare(i, 3, "...") == 0 && !has(now, kEllipsis)) now.push_back(kEllipsis), i += 2;
    else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) now.push_back(c);
    else g.reject("equation \"" + text + "\": unexpected \"" + c + "\" at " + std::to_string(i));
  }
  return e;
}

template <class T>
struct Factor {
  T value;
  Labels labels;
};

// Gives each dimension of an ellipsis that stands for `rank` dimensions its label.
inline Labels spread(const Labels& labels, int rank) {
  Labels out;
  for (int l : labels) {
    if (l != kEllipsis) out.push_back(l);
    else for (int i = rank - 1; i >= 0; --i) out.push_back(kEllipsis + i);
  }
  return out;
}

// Brings dimensions of `f` into the order of `labels`; those it lacks get size 1.
template <class G, class T>
T arranged(G& g, const Factor<T>& f, const Labels& labels) {
  std::vector<int64_t> order;
  T x = f.value;
  std::vector<typename G::Int> sizes;
  for (int l : labels) {
    bool found = false;
    for (size_t d = 0; d < f.labels.size(); ++d)
      if (f.labels[d] == l) order.push_back(static_cast<int64_t>(d)), sizes.push_back(g.size(x, d)), found = true;
    if (!found) sizes.push_back(1);
  }
  bool in_order = true;
  for (size_t d = 0; d < order.size(); ++d) in_order &= order[d] == static_cast<int64_t>(d);
  if (!in_order) x = g.permute(x, order);
  return sizes.size() == order.size() ? x : g.reshape(x, sizes);
}

template <class G, class T>
Factor<T> summed(G& g, Factor<T> f, const Labels& kept) {
  std::vector<int64_t> dims;
  Labels rest;
  for (size_t d = 0; d < f.labels.size(); ++d)
    if (has(kept, f.labels[d])) rest.push_back(f.labels[d]);
    else dims.push_back(static_cast<int64_t>(d));
  if (dims.empty()) return f;
  return {g("aten::sum.dim_IntList", f.value, dims, false, f.value.dtype()), rest};
}

// The product of two factors, summed over the labels that are not `kept`.
template <class G, class T>
Factor<T> contract(G& g, Factor<T> a, Factor<T> b, const Labels& kept) {
  using Int = typename G::Int;
  // What only one of them has, or has beside a size of 1, is summed before.
  const auto size = [&](const Factor<T>& f, int label) -> Int {
    for (size_t d = 0; d < f.labels.size(); ++d)
      if (f.labels[d] == label) return g.size(f.value, d);
    return 1;
  };
  Labels summed_labels, wanted_a = kept, wanted_b = kept;
  for (int l : a.labels) {
    if (!has(b.labels, l) || has(kept, l) || same(size(a, l), 1) != same(size(b, l), 1)) continue;
    summed_labels.push_back(l);
    wanted_a.push_back(l);
    wanted_b.push_back(l);
  }
  a = summed(g, a, wanted_a);
  b = summed(g, b, wanted_b);

  Labels batch, only_a, only_b;
  for (int l : a.labels)
    if (!has(summed_labels, l)) (has(b.labels, l) ? batch : only_a).push_back(l);
  for (int l : b.labels)
    if (!has(a.labels, l)) only_b.push_back(l);
  Labels result = batch;
  result.insert(result.end(), only_a.begin(), only_a.end());
  result.insert(result.end(), only_b.begin(), only_b.end());
  if (summed_labels.empty()) return {arranged(g, a, result) * arranged(g, b, result), result};

  // [batch, rows, depth] times [batch, depth, columns]
  std::vector<Int> batch_sizes, sizes;
  Int count = 1, rows = 1, columns = 1, depth = 1;
  for (int l : batch) {
    Int s = size(a, l);
    if (same(s, 1)) s = size(b, l);
    batch_sizes.push_back(s);
    count = count * s;
  }
  sizes = batch_sizes;
  for (int l : only_a) sizes.push_back(size(a, l)), rows = rows * size(a, l);
  for (int l : only_b) sizes.push_back(size(b, l)), columns = columns * size(b, l);
  for (int l : summed_labels) depth = depth * size(a, l);
  const auto matrices = [&](const Factor<T>& f, const Labels& first, const Labels& second, Int m, Int n) {
    Labels order = batch;
    order.insert(order.end(), first.begin(), first.end());
    order.insert(order.end(), second.begin(), second.end());
    T x = arranged(g, f, order);
    bool broadcasts = false;
    for (size_t d = 0; d < batch.size(); ++d) broadcasts |= !same(g.size(x, d), batch_sizes[d]);
    if (broadcasts) {
      auto full = g.sizes(x);
      std::copy(batch_sizes.begin(), batch_sizes.end(), full.begin());
      x = g("aten::expand", x, full);
    }
    return batch.empty() ? g.reshape(x, {m, n}) : g.reshape(x, {count, m, n});
  };
  T left = matrices(a, only_a, summed_labels, rows, depth), right = matrices(b, summed_labels, only_b, depth, columns);
  return {g.reshape(g(batch.empty() ? "aten::mm" : "aten::bmm", left, right), sizes), result};
}

PF_COMPOSITE(Einsum, "aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor") {
  using T = typename G::Tensor;
  Equation e = parse(g, g.string("equation"));
  const std::vector<T> tensors = g.tensors("tensors");
  if (tensors.size() != e.inputs.size())
    g.reject(std::to_string(e.inputs.size()) + " operands in the equation, " + std::to_string(tensors.size()) + " given");

  std::vector<Factor<T>> factors;
  int ellipsis = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const bool dots = has(e.inputs[i], kEllipsis);
    const int covered = tensors[i].rank() - static_cast<int>(e.inputs[i].size()) + dots;
    if (covered < 0 || (!dots && covered != 0)) g.reject("operand " + std::to_string(i) + " has another rank");
    Factor<T> f{tensors[i], spread(e.inputs[i], covered)};
    if (dots && covered > ellipsis) ellipsis = covered;
    // A label twice is a diagonal, which comes last.
    for (size_t d = 0; d < f.labels.size(); ++d)
      for (size_t other = d + 1; other < f.labels.size(); ++other) {
        if (f.labels[other] != f.labels[d]) continue;
        const int label = f.labels[d];
        f.value = g("aten::diagonal", f.value, 0, d, other);
        f.labels.erase(f.labels.begin() + other);
        f.labels.erase(f.labels.begin() + d);
        f.labels.push_back(label);
        other = d;  // another label stands at d now
      }
    factors.push_back(f);
  }

  if (!e.explicit_output) {  // the ellipsis, then what occurs once, in the order of letters
    std::map<int, int> count;
    for (const Labels& input : e.inputs)
      for (int l : input) ++count[l];
    if (count.count(kEllipsis)) e.output.push_back(kEllipsis);
    for (auto [label, times] : count)
      if (times == 1 && label != kEllipsis) e.output.push_back(label);
  }
  const Labels output = spread(e.output, ellipsis);
  for (int l : output) {
    bool found = false;
    for (const Factor<T>& f : factors) found |= has(f.labels, l);
    if (!found) g.reject("a label of the output is in no operand");
  }

  Factor<T> product = factors[0];
  for (size_t i = 1; i < factors.size(); ++i) {
    Labels kept = output;
    for (size_t later = i + 1; later < factors.size(); ++later)
      kept.insert(kept.end(), factors[later].labels.begin(), factors[later].labels.end());
    product = contract(g, product, factors[i], kept);
  }
  g.result(arranged(g, summed(g, product, output), output));
}

using Ops = OpList<Einsum>;

}  // namespace portfire::ops::einsum
