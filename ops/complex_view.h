// aten::view_as_real, view_as_complex, real, imag, conj: complex numbers as pairs of reals, and what
// of it is left for real tensors.
#pragma once

#include "ops/op.h"
#include "ops/rows.h"

namespace portfire::ops::complex_view {

struct ViewAsReal {
  static constexpr std::string_view schema = "aten::view_as_real(Tensor(a) self) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) {
    const TensorView& x = a.tensor(0);
    if (!is_complex(x.dtype) || x.rank() >= kMaxRank)
      return Error::make(Code::bad_argument, "%s (expected a complex dtype)", TypeText(x).c_str());
    out = x;
    out.dtype = real_of(x.dtype);
    for (int d = 0; d < x.rank(); ++d) out.strides[d] = 2 * x.strides[d];
    out.strides[x.rank()] = 1;
    out.shape.push(2);
    return {};
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::view_as_complex", g.grad()));
  }
};

struct ViewAsComplex {
  static constexpr std::string_view schema = "aten::view_as_complex(Tensor(a) self) -> Tensor(a)";
  static Error view(const Args& a, TensorView& out) {
    const TensorView& x = a.tensor(0);
    const int last = x.rank() - 1;
    bool fits = (x.dtype == DType::f32 || x.dtype == DType::f64) && last >= 0 && x.size(last) == 2 && x.strides[last] == 1;
    out = x;
    out.dtype = complex_of(x.dtype);
    out.shape.rank = last > 0 ? last : 0;
    for (int d = 0; d < last; ++d) {
      fits &= x.size(d) == 1 || x.strides[d] % 2 == 0;
      out.strides[d] = x.strides[d] / 2;
    }
    if (!fits)
      return Error::make(Code::bad_argument, "%s (expected f32 or f64 pairs in a dense last dimension of size 2)",
                         TypeText(x).c_str());
    return {};
  }
  template <class G>
  static bool whole(G& g) {
    return g.tensor("self").type().is_contiguous() || g.accepts("aten::view_as_complex", {g.arg("self")});
  }
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::view_as_complex", g("aten::clone", g.tensor("self"), 0)));
  }
  template <class G>
  static void gradient(G& g) {
    g.give("self", g("aten::view_as_real", g.grad()));
  }
};

struct Real {
  static constexpr std::string_view schema = "aten::real(Tensor(a) self) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    g.result(is_complex(x.dtype()) ? g("aten::select.int", g("aten::view_as_real", x), -1, 0) : x);
  }
};
struct Imag {
  static constexpr std::string_view schema = "aten::imag(Tensor(a) self) -> Tensor(a)";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::select.int", g("aten::view_as_real", g.tensor("self")), -1, 1));
  }
};

struct ConjPhysical {
  static constexpr std::string_view schema = "aten::conj_physical(Tensor self) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self");
    if (!is_complex(x.dtype())) return g.result(x);
    auto pairs = g("aten::view_as_real", x);
    const float f[] = {1, -1};
    const double d[] = {1, -1};
    const bool wide = x.dtype() == DType::c128;
    auto signs = wide ? g.constant(DType::f64, {2}, d) : g.constant(DType::f32, {2}, f);
    g.result(g("aten::view_as_complex", pairs * signs));
  }
};

#define PF_CONJ(type, name)                                                                      \
  struct type {                                                                                  \
    static constexpr std::string_view schema = "aten::" name "(Tensor(a) self) -> Tensor(a)";    \
    template <class G>                                                                           \
    static void decompose(G& g) {                                                                \
      g.forward("aten::conj_physical");                                                          \
    }                                                                                            \
  };
PF_CONJ(Conj, "conj")
PF_CONJ(ConjView, "_conj")
#undef PF_CONJ

using Ops = OpList<ViewAsReal, ViewAsComplex, Real, Imag, ConjPhysical, Conj, ConjView>;

}  // namespace portfire::ops::complex_view
