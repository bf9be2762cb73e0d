// aten::squeeze, unsqueeze: dimensions of size 1 go and come.
#pragma once

#include "ops/element.h"
#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::squeeze {

// Drops those of `dims` that have size 1.
inline Error squeeze_dims(const TensorView& x, std::span<const int64_t> dims, TensorView& out) {
  bool drop[kMaxRank] = {};
  for (int64_t dim : dims) {
    int d;
    PF_TRY(wrap_dim(dim, x.rank(), &d));
    drop[d] = x.rank() > 0 && x.size(d) == 1;
  }
  out = x;
  out.shape = Shape();
  for (int d = 0; d < x.rank(); ++d) {
    if (drop[d]) continue;
    out.strides[out.rank()] = x.strides[d];
    out.shape.push(x.size(d));
  }
  return {};
}

struct SqueezeDims {
  static constexpr std::string_view schema = "aten::squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) { return squeeze_dims(a.tensor(0), a.ints(1), out); }
  // A symbolic size is not 1: the export has assumed it, and the rank must not depend on it.
  template <class G>
  static bool whole(G& g) {
    auto x = g.tensor("self");
    for (int64_t d : wrapped(g, x))
      if (!g.size(x, d).known()) return false;
    return true;
  }
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    std::vector<int64_t> dims;
    for (int64_t d : wrapped(g, x))
      if (g.size(x, d).known()) dims.push_back(d);
    g.result(g("aten::squeeze.dims", x, dims));
  }
  template <class G>
  static std::vector<int64_t> wrapped(G& g, typename G::Tensor x) {
    std::vector<int64_t> dims = g.known_ints("dim");
    if (x.rank() == 0) return {};
    for (int64_t& d : dims) {
      if (d < -x.rank() || d >= x.rank()) g.reject("dim " + std::to_string(d) + " out of range");
      if (d < 0) d += x.rank();
    }
    return dims;
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g.reshape(g.grad(), g.sizes(g.tensor("self"))));
  }
};

struct SqueezeDim {
  static constexpr std::string_view schema = "aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) {
    const int64_t dim = a.integer(1);
    return squeeze_dims(a.tensor(0), {&dim, 1}, out);
  }
  template <class G>
  static bool whole(G&) {
    return false;
  }
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    const int64_t dim = g.dim("dim", x.rank());
    g.result(x.rank() ? g("aten::squeeze.dims", x, std::vector<int64_t>{dim}) : x);
  }
};

struct Squeeze {
  static constexpr std::string_view schema = "aten::squeeze(Tensor(a) self) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    std::vector<int64_t> dims;
    for (int64_t d = 0; d < x.rank(); ++d) dims.push_back(d);
    g.result(g("aten::squeeze.dims", x, dims));
  }
};

struct Unsqueeze {
  static constexpr std::string_view schema = "aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) {
    const TensorView& x = a.tensor(0);
    int at;
    if (x.rank() >= kMaxRank) return Error::make(Code::unsupported, "more than %d dimensions", kMaxRank);
    PF_TRY(wrap_dim(a.integer(1), x.rank() + 1, &at));
    out = x;
    ++out.shape.rank;
    for (int d = x.rank(); d > at; --d) {
      out.shape.sizes[d] = x.size(d - 1);
      out.strides[d] = x.strides[d - 1];
    }
    out.shape.sizes[at] = 1;
    out.strides[at] = at < x.rank() ? x.size(at) * x.strides[at] : 1;
    return {};
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g.reshape(g.grad(), g.sizes(g.tensor("self"))));
  }
};

using Ops = OpList<SqueezeDims, SqueezeDim, Squeeze, Unsqueeze>;

}  // namespace portfire::ops::squeeze
