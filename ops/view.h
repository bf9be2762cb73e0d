// aten::view and its kin: the same elements in row-major order, under other sizes.
#pragma once

#include "ops/element.h"
#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::view {

// `sizes` with a -1 resolved, checked against the number of elements of `x` unless these are samples.
Error resolve_sizes(const TensorView& x, std::span<const int64_t> sizes, bool sampled, Shape* out);
// Sets the strides of `out`, whose shape is set, so that it shows `x` in row-major order; false where
// the strides of `x` allow no such view.
bool view_strides(const TensorView& x, TensorView& out);

struct View {
  static constexpr std::string_view schema = "aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out);
  // Eager PyTorch keeps the memory order of permuted tensors through element-wise operators, we do
  // not; so a view that was possible there can need a copy here.
  template <class G>
  static bool whole(G& g) {
    return g.tensor("self").type().is_contiguous() || g.accepts("aten::view", {g.arg("self"), g.arg("size")});
  }
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::view", g("aten::clone", g.tensor("self"), 0), g.arg("size")));
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g.reshape(g.grad(), g.sizes(g.tensor("self"))));
  }
};

// The same bytes as another dtype; the last dimension shrinks or grows where the width differs.
struct ViewDtype {
  static constexpr std::string_view schema = "aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out);
};

#define PF_RESHAPE(type, schema_text, sizes_name)                                     \
  struct type {                                                                       \
    static constexpr std::string_view schema = schema_text;                           \
    template <class G>                                                                \
    static void decompose(G& g) {                                                     \
      g.result(g("aten::view", g.tensor("self"), g.arg(sizes_name)));                 \
    }                                                                                 \
  };
PF_RESHAPE(Reshape, "aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)", "shape")
PF_RESHAPE(ReshapeCopy, "aten::_reshape_copy(Tensor self, SymInt[] size) -> Tensor", "size")
PF_RESHAPE(UnsafeView, "aten::_unsafe_view(Tensor self, SymInt[] size) -> Tensor", "size")
PF_RESHAPE(ReshapeAlias, "aten::_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a)", "size")
#undef PF_RESHAPE

#define PF_RESHAPE_AS(type, name)                                                                      \
  struct type {                                                                                        \
    static constexpr std::string_view schema = "aten::" name "(Tensor(a) self, Tensor other) -> Tensor(a)"; \
    template <class G>                                                                                 \
    static void decompose(G& g) {                                                                      \
      g.result(g.reshape(g.tensor("self"), g.sizes(g.tensor("other"))));                               \
    }                                                                                                  \
  };
PF_RESHAPE_AS(ViewAs, "view_as")
PF_RESHAPE_AS(ReshapeAs, "reshape_as")
#undef PF_RESHAPE_AS

struct Flatten {
  static constexpr std::string_view schema =
      "aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    const int64_t first = g.dim("start_dim", x.rank()), last = g.dim("end_dim", x.rank());
    if (first > last) g.reject("start_dim " + std::to_string(first) + " after end_dim " + std::to_string(last));
    if (x.rank() == 0) return g.result(g.reshape(x, {1}));
    if (first == last) return g.result(x);
    std::vector<typename G::Int> sizes;
    for (int64_t d = 0; d < x.rank(); ++d) {
      if (d <= first || d > last)
        sizes.push_back(g.size(x, d));
      else
        sizes.back() = sizes.back() * g.size(x, d);
    }
    g.result(g.reshape(x, sizes));
  }
};

struct Unflatten {
  static constexpr std::string_view schema =
      "aten::unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    const int64_t dim = g.dim("dim", x.rank());
    auto parts = g.ints("sizes");
    typename G::Int others = 1;
    for (auto p : parts)
      if (!p.known() || p.fixed != -1) others = others * p;
    for (auto& p : parts)
      if (p.known() && p.fixed == -1) p = floor_div(g.size(x, dim), others);
    auto sizes = g.sizes(x);
    sizes.erase(sizes.begin() + dim);
    sizes.insert(sizes.begin() + dim, parts.begin(), parts.end());
    g.result(g.reshape(x, sizes));
  }
};

struct Ravel {
  static constexpr std::string_view schema = "aten::ravel(Tensor(a) self) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    g.result(g.reshape(x, {g.numel(x)}));
  }
};

using Ops = OpList<View, ViewDtype, Reshape, ReshapeCopy, UnsafeView, ReshapeAlias, ViewAs, ReshapeAs, Flatten,
                   Unflatten, Ravel>;

}  // namespace portfire::ops::view
