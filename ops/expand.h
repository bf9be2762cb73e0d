// aten::expand and its kin: y_ij = x_1j. Dimensions of size 1 repeat without a copy, by stride 0.
#pragma once

#include "ops/element.h"
#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::expand {

// The sizes that all of `tensors` broadcast to. Of two that must agree the one known now is taken.
template <class G>
std::vector<typename G::Int> broadcast_sizes(G& g, const std::vector<typename G::Tensor>& tensors) {
  int rank = 0;
  for (auto t : tensors) rank = t.rank() > rank ? t.rank() : rank;
  std::vector<typename G::Int> out(rank, 1);
  for (auto t : tensors)
    for (int d = 0; d < t.rank(); ++d) {
      auto n = g.size(t, d);
      auto& best = out[d + rank - t.rank()];
      if (n.known() ? n.fixed != 1 : best.known() && best.fixed == 1) best = n;
    }
  return out;
}

// `t` as it broadcasts to `sizes`; itself where it has them already.
template <class G>
typename G::Tensor expand_to(G& g, typename G::Tensor t, const std::vector<typename G::Int>& sizes) {
  bool equal = t.rank() == static_cast<int>(sizes.size());
  for (int d = 0; equal && d < t.rank(); ++d) equal = same(g.size(t, d), sizes[d]);
  return equal ? t : g("aten::expand", t, sizes);
}

struct Expand {
  static constexpr std::string_view schema =
      "aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) {
    const TensorView& x = a.tensor(0);
    const auto sizes = a.ints(1);
    const int shift = static_cast<int>(sizes.size()) - x.rank();
    if (shift < 0 || sizes.size() > kMaxRank)
      return Error::make(Code::bad_argument, "%s to %zu dimensions", TypeText(x).c_str(), sizes.size());
    out = x;
    out.shape = Shape();
    for (int d = 0; d < static_cast<int>(sizes.size()); ++d) {
      const int64_t have = d < shift ? 1 : x.size(d - shift), want = sizes[d] == -1 && d >= shift ? have : sizes[d];
      if (want < 0 || (have != 1 && have != want && !a.context().sampled))
        return Error::make(Code::bad_argument, "%s at dim %d (expected 1 or %lld, got %lld)", TypeText(x).c_str(), d,
                           static_cast<long long>(want), static_cast<long long>(have));
      out.strides[d] = d < shift || (have == 1 && want != 1) ? 0 : x.strides[d - shift];
      out.shape.push(want);
    }
    return {};
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g.grad());
  }
};

struct ExpandAs {
  static constexpr std::string_view schema = "aten::expand_as(Tensor(a) self, Tensor other) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::expand", g.tensor("self"), g.sizes(g.tensor("other"))));
  }
};

struct BroadcastTo {
  static constexpr std::string_view schema = "aten::broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::expand", g.tensor("self"), g.arg("size")));
  }
};

struct BroadcastTensors {
  static constexpr std::string_view schema = "aten::broadcast_tensors(Tensor[] tensors) -> Tensor[]";
  template <class G>
  static void decompose(G& g) {
    auto tensors = g.tensors("tensors");
    const auto sizes = broadcast_sizes(g, tensors);
    for (auto& t : tensors) t = expand_to(g, t, sizes);
    g.results(tensors);
  }
};

using Ops = OpList<Expand, ExpandAs, BroadcastTo, BroadcastTensors>;

}  // namespace portfire::ops::expand
