// aten::movedim, swapaxes, T, adjoint and their kin: dimensions in another order.
#pragma once

#include "ops/op.h"

namespace portfire::ops::transpose {

// Dimension source[i] goes to place destination[i]; the others keep their order.
template <class G>
void move_dims(G& g, typename G::Tensor x, std::vector<int64_t> source, std::vector<int64_t> destination) {
  const int64_t n = x.rank() ? x.rank() : 1;
  std::vector<int64_t> dims(n, -1);
  std::vector<bool> moved(n, false);
  if (source.size() != destination.size()) g.reject("as many destinations as sources expected");
  for (size_t i = 0; i < source.size(); ++i) {
    int64_t &from = source[i], &to = destination[i];
    from += from < 0 ? n : 0;
    to += to < 0 ? n : 0;
    if (from < 0 || from >= n || to < 0 || to >= n || moved[from] || dims[to] >= 0)
      g.reject("dimension out of range or given twice");
    dims[to] = from;
    moved[from] = true;
  }
  int64_t next = 0;
  for (int64_t& d : dims) {
    if (d >= 0) continue;
    while (moved[next]) ++next;
    d = next++;
  }
  g.result(x.rank() ? g.permute(x, dims) : x);
}

template <class G>
typename G::Tensor swap_last(G& g, typename G::Tensor x) {
  if (x.rank() < 2) g.reject("a matrix expected");
  return g("aten::transpose.int", x, -2, -1);
}
template <class G>
typename G::Tensor reverse_dims(G& g, typename G::Tensor x) {
  std::vector<int64_t> dims;
  for (int64_t d = x.rank() - 1; d >= 0; --d) dims.push_back(d);
  return x.rank() < 2 ? x : g.permute(x, dims);
}
template <class G>
typename G::Tensor conjugate(G& g, typename G::Tensor x) {
  return is_complex(x.dtype()) ? g("aten::conj_physical", x) : x;
}

#define PF_TRANSPOSE(type, schema_text, ...)             \
  struct type {                                          \
    static constexpr std::string_view schema = schema_text; \
    template <class G>                                   \
    static void decompose(G& g) {                        \
      __VA_ARGS__;                                       \
    }                                                    \
  };
#define PF_MOVE(type, name)                                                                                       \
  PF_TRANSPOSE(type##Int, "aten::" name ".int(Tensor(a) self, int source, int destination) -> Tensor(a)",         \
               move_dims(g, g.tensor("self"), {g.known_integer("source")}, {g.known_integer("destination")}))     \
  PF_TRANSPOSE(type##List, "aten::" name ".intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)", \
               move_dims(g, g.tensor("self"), g.known_ints("source"), g.known_ints("destination")))
PF_MOVE(Movedim, "movedim")
PF_MOVE(Moveaxis, "moveaxis")
#undef PF_MOVE
PF_TRANSPOSE(Swapaxes, "aten::swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)",
             g.result(g("aten::transpose.int", g.tensor("self"), g.arg("axis0"), g.arg("axis1"))))
PF_TRANSPOSE(Swapdims, "aten::swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)",
             g.forward("aten::transpose.int"))
PF_TRANSPOSE(NumpyT, "aten::numpy_T(Tensor(a) self) -> Tensor(a)", g.result(reverse_dims(g, g.tensor("self"))))
PF_TRANSPOSE(MT, "aten::mT(Tensor(a) self) -> Tensor(a)", g.result(swap_last(g, g.tensor("self"))))
PF_TRANSPOSE(MH, "aten::mH(Tensor(a) self) -> Tensor(a)", g.result(conjugate(g, swap_last(g, g.tensor("self")))))
PF_TRANSPOSE(Adjoint, "aten::adjoint(Tensor(a) self) -> Tensor(a)",
             g.result(conjugate(g, swap_last(g, g.tensor("self")))))
PF_TRANSPOSE(MatrixH, "aten::matrix_H(Tensor(a) self) -> Tensor(a)",
             g.result(conjugate(g, reverse_dims(g, g.tensor("self")))))
// Here, not beside diagonal: it is only another default.
PF_TRANSPOSE(LinalgDiagonal,
             "aten::linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)",
             g.result(g("aten::diagonal", g.tensor("A"), g.arg("offset"), g.arg("dim1"), g.arg("dim2"))))
#undef PF_TRANSPOSE

using Ops = OpList<MovedimInt, MovedimList, MoveaxisInt, MoveaxisList, Swapaxes, Swapdims, NumpyT, MT, MH, Adjoint,
                   MatrixH, LinalgDiagonal>;

}  // namespace portfire::ops::transpose
