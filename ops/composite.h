// Short ways to write composite operators, and what their decompositions share.
#pragma once

#include <utility>

#include "core/dtype.h"
#include "ops/op.h"

// PF_COMPOSITE(Positive, "aten::positive(Tensor(a) self) -> Tensor(a)") { g.result(g.tensor("self")); }
#define PF_COMPOSITE(type, schema_text)                     \
  struct type {                                             \
    static constexpr std::string_view schema = schema_text; \
    template <class G>                                      \
    static void decompose(G& g);                            \
  };                                                        \
  template <class G>                                        \
  void type::decompose(G& g)

// Another name for `target`, whose arguments have the same names.
#define PF_ALIAS(type, schema_text, target) \
  PF_COMPOSITE(type, schema_text) { g.forward(target); }

namespace portfire::ops {

// The dtype in which ATen computes inside one operator: f32 for the 16-bit floats, else t itself.
inline DType compute_dtype(DType t) { return t == DType::f16 || t == DType::bf16 ? DType::f32 : t; }

// The dtype of a floating result of operands of dtype t: integers and bool give f32.
inline DType float_result(DType t) { return is_floating(t) || is_complex(t) ? t : DType::f32; }

// x in the dtype in which a floating operator computes.
template <class G, class T>
T widen(G& g, T x) {
  return g.cast(x, compute_dtype(float_result(x.dtype())));
}

// A number known when compiling, or `if_none`.
template <class G>
double real_or(G& g, std::string_view name, double if_none) {
  return g.none(name) ? if_none : g.real(name);
}

// The sizes to which the operands broadcast.
template <class G, class T>
auto broadcast_sizes(G& g, T a, T b) {
  auto x = g.sizes(a), y = g.sizes(b);
  if (x.size() < y.size()) std::swap(x, y);
  for (size_t i = 0; i < y.size(); ++i) {
    auto& size = x[x.size() - y.size() + i];
    if (same(size, 1)) size = y[i];
  }
  return x;
}

// |x|, which ATen also takes of unsigned numbers and bool, where it is x.
template <class G, class T>
T magnitude(G& g, T x) {
  return is_unsigned(x.dtype()) || x.dtype() == DType::boolean ? x : g("aten::abs", x);
}

}  // namespace portfire::ops
