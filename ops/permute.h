// aten::permute, transpose, t: views with their dimensions in another order.
#pragma once

#include "ops/element.h"
#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::permute {

struct Permute {
  static constexpr std::string_view schema = "aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) {
    const TensorView& x = a.tensor(0);
    const auto dims = a.ints(1);
    if (static_cast<int>(dims.size()) != x.rank())
      return Error::make(Code::bad_argument, "%zu dims for %s", dims.size(), TypeText(x).c_str());
    bool seen[kMaxRank] = {};
    out = x;
    for (int d = 0; d < x.rank(); ++d) {
      int from;
      PF_TRY(wrap_dim(dims[d], x.rank(), &from));
      if (seen[from]) return Error::make(Code::bad_argument, "dim %d given twice", from);
      seen[from] = true;
      out.shape.sizes[d] = x.size(from);
      out.strides[d] = x.strides[from];
    }
    return {};
  }
  template <class G>
  static void gradient(G& g) {
    const auto dims = g.known_ints("dims");
    std::vector<int64_t> back(dims.size());
    for (size_t i = 0; i < dims.size(); ++i) back[static_cast<size_t>(dims[i] < 0 ? dims[i] + static_cast<int64_t>(dims.size()) : dims[i])] = static_cast<int64_t>(i);
    g.give("self", g.permute(g.grad(), back));
  }
};

struct Transpose {
  static constexpr std::string_view schema =
      "aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    if (x.rank() == 0) return g.result(x);
    std::vector<int64_t> dims(x.rank());
    for (int d = 0; d < x.rank(); ++d) dims[d] = d;
    std::swap(dims[g.dim("dim0", x.rank())], dims[g.dim("dim1", x.rank())]);
    g.result(g.permute(x, dims));
  }
};

struct T {
  static constexpr std::string_view schema = "aten::t(Tensor(a) self) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    g.result(x.rank() < 2 ? x : g.permute(x, {1, 0}));
  }
};

using Ops = OpList<Permute, Transpose, T>;

}  // namespace portfire::ops::permute
