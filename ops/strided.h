// Views by arithmetic on strides: aten::as_strided, diagonal, unfold.
#pragma once

#include "ops/element.h"
#include "ops/gradients.h"
#include "ops/op.h"
#include "ops/rows.h"

namespace portfire::ops::strided {

// y_{ij..} = storage[offset + i * stride_0 + j * stride_1 + ...]. Here the storage is what `self`
// spans, from its first element on.
struct AsStrided {
  static constexpr std::string_view schema =
      "aten::as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out);
  // In PyTorch the storage is that of the tensor which `self` is a view of; no offset means the one
  // of `self`.
  template <class G>
  static bool whole(G& g) {
    return g.none("storage_offset") || base(g).id == g.tensor("self").id;
  }
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::as_strided", base(g), g.arg("size"), g.arg("stride"), g.arg("storage_offset")));
  }
  template <class G>
  static typename G::Tensor base(G& g) {
    auto t = g.tensor("self");
    const auto& nodes = g.graph().nodes;
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node)
      if (node->op->is_view() && node->outs[0] == t.id) t.id = node->args[0].ref()->id;
    return t;
  }
  template <class G>
  static void gradient(G& g) {
    if (!g.tensor("self").type().is_contiguous()) g.refuse("has no gradient for a view of a view");
    give_to_sources(g, g.tensor("self").rank(), [&](auto numbers) { return g("aten::as_strided", numbers, g.arg("size"), g.arg("stride"), g.arg("storage_offset")); });
  }
};

// y_{..i} = x_{.. i + max(0, -offset) .. i + max(0, offset) ..}: dim1 and dim2 become the last one.
struct Diagonal {
  static constexpr std::string_view schema =
      "aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out);
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::diagonal_scatter", zeros_like(g, g.tensor("self"), g.grad().dtype()), g.grad(), g.arg("offset"), g.arg("dim1"), g.arg("dim2")));
  }
};

// y_{..k..j} = x_{.. k * step + j ..}: windows of `size` along `dimension`.
struct Unfold {
  static constexpr std::string_view schema =
      "aten::unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out);
  template <class G>
  static void gradient(G& g) {
    give_to_sources(g, g.tensor("self").rank(), [&](auto numbers) { return g("aten::unfold", numbers, g.arg("dimension"), g.arg("size"), g.arg("step")); });
  }
};

using Ops = OpList<AsStrided, Diagonal, Unfold>;

}  // namespace portfire::ops::strided
