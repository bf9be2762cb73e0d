// aten::diff, trapezoid, gradient and their kin: differences and integrals along a dimension.
#pragma once

#include "ops/op.h"

namespace portfire::ops::difference {

// x without its last (first) index along dim.
template <class G>
typename G::Tensor but_last(G& g, typename G::Tensor x, int64_t dim) {
  return g("aten::slice.Tensor", x, dim, 0, -1);
}
template <class G>
typename G::Tensor but_first(G& g, typename G::Tensor x, int64_t dim) {
  return g("aten::slice.Tensor", x, dim, 1);
}

// y_i = x_{i+1} - x_i, n times; differences of booleans are whether they differ.
struct Diff {
  static constexpr std::string_view schema =
      "aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("self"), prepend = g.tensor("prepend"), append = g.tensor("append");
    const int64_t dim = g.dim("dim", x.rank()), n = g.known_integer("n");
    if (n == 0) return g.result(x);
    std::vector<typename G::Tensor> parts;
    for (auto t : {prepend, x, append})
      if (t) parts.push_back(t);
    if (parts.size() > 1) x = g("aten::cat", parts, dim);
    for (int64_t i = 0; i < n && !same(g.size(x, dim), 0); ++i) {
      auto later = but_first(g, x, dim), earlier = but_last(g, x, dim);
      x = x.dtype() == DType::boolean ? g("aten::logical_xor", later, earlier) : later - earlier;
    }
    g.result(x);
  }
};

// The widths between the points x, so that they broadcast against the means of y along dim.
template <class G>
typename G::Tensor widths(G& g, typename G::Tensor x, typename G::Tensor y, int64_t dim) {
  const int64_t own = x.rank() == 1 || x.rank() != y.rank() ? x.rank() - 1 : dim;
  auto w = but_first(g, x, own) - but_last(g, x, own);
  if (x.rank() != 1) return w;
  std::vector<typename G::Int> sizes(y.rank(), 1);
  sizes[dim] = g.size(w, 0);
  return g.reshape(w, sizes);
}
template <class G>
typename G::Tensor areas(G& g, bool points, int64_t dim) {
  auto y = g.tensor("y");
  auto sum = but_first(g, y, dim) + but_last(g, y, dim);
  if (points) return sum * widths(g, g.tensor("x"), y, dim);
  return sum;
}
// Integral of the lines through the points (x, y), or of y every dx.
template <class G>
void trapezoid(G& g, bool points, bool cumulative) {
  auto y = g.tensor("y");
  const int64_t dim = g.dim("dim", y.rank());
  auto a = areas(g, points, dim);
  a = cumulative ? g("aten::cumsum", a, dim) : g("aten::sum.dim_IntList", a, std::vector<int64_t>{dim});
  const double dx = points ? 1 : g.real("dx");
  g.result(a * (dx / 2));
}
#define PF_TRAPEZOID(type, name, cumulative, dx_type)                                                                   \
  struct type##X {                                                                                                      \
    static constexpr std::string_view schema = "aten::" name ".x(Tensor y, Tensor x, *, int dim=-1) -> Tensor";         \
    template <class G>                                                                                                  \
    static void decompose(G& g) {                                                                                       \
      trapezoid(g, true, cumulative);                                                                                   \
    }                                                                                                                   \
  };                                                                                                                    \
  struct type##Dx {                                                                                                     \
    static constexpr std::string_view schema = "aten::" name ".dx(Tensor y, *, " dx_type ", int dim=-1) -> Tensor";     \
    template <class G>                                                                                                  \
    static void decompose(G& g) {                                                                                       \
      trapezoid(g, false, cumulative);                                                                                  \
    }                                                                                                                   \
  };
PF_TRAPEZOID(Trapezoid, "trapezoid", false, "Scalar dx=1")
PF_TRAPEZOID(Trapz, "trapz", false, "float dx=1.")
PF_TRAPEZOID(CumulativeTrapezoid, "cumulative_trapezoid", true, "Scalar dx=1")
#undef PF_TRAPEZOID

// Estimates of df/dx along `dim` from points `h` apart: second order inside, `order` at the two ends.
template <class G>
typename G::Tensor slope(G& g, typename G::Tensor f, int64_t dim, double h, int64_t order) {
  auto at = [&](int64_t start, int64_t end) {  // negative ends count from the back, 0 is the end
    return end == 0 ? g("aten::slice.Tensor", f, dim, start) : g("aten::slice.Tensor", f, dim, start, end);
  };
  auto middle = (at(2, 0) - at(0, -2)) / (2 * h);
  typename G::Tensor first, last;
  if (order == 1) {
    first = (at(1, 2) - at(0, 1)) / h;
    last = (at(-1, 0) - at(-2, -1)) / h;
  } else {
    first = (at(0, 1) * -3.0 + at(1, 2) * 4.0 - at(2, 3)) / (2 * h);
    last = (at(-3, -2) - at(-2, -1) * 4.0 + at(-1, 0) * 3.0) / (2 * h);
  }
  return g("aten::cat", std::vector<typename G::Tensor>{first, middle, last}, dim);
}
// The same from points x that may be unevenly spaced: h, k are the distances before and after a point.
template <class G>
typename G::Tensor slope(G& g, typename G::Tensor f, int64_t dim, typename G::Tensor x, int64_t order) {
  auto along = [&](typename G::Tensor t, int64_t start, int64_t end, int64_t d) {
    return end == 0 ? g("aten::slice.Tensor", t, d, start) : g("aten::slice.Tensor", t, d, start, end);
  };
  auto at = [&](int64_t start, int64_t end) { return along(f, start, end, dim); };
  auto steps = but_first(g, x, 0) - but_last(g, x, 0);
  std::vector<typename G::Int> sizes(f.rank(), 1);
  sizes[dim] = g.size(steps, 0);
  steps = g.reshape(steps, sizes);
  auto step = [&](int64_t start, int64_t end) { return along(steps, start, end, dim); };
  auto h = step(0, -1), k = step(1, 0);
  auto middle = at(2, 0) * (h / (k * (h + k))) + at(1, -1) * ((k - h) / (h * k)) - at(0, -2) * (k / (h * (h + k)));
  typename G::Tensor first, last;
  if (order == 1) {
    first = (at(1, 2) - at(0, 1)) / step(0, 1);
    last = (at(-1, 0) - at(-2, -1)) / step(-1, 0);
  } else {
    auto a = step(0, 1), b = step(1, 2), c = step(-2, -1), d = step(-1, 0);
    first = at(1, 2) * ((a + b) / (a * b)) - at(0, 1) * ((a * 2.0 + b) / (a * (a + b))) - at(2, 3) * (a / (b * (a + b)));
    last = at(-3, -2) * (d / (c * (c + d))) - at(-2, -1) * ((c + d) / (c * d)) + at(-1, 0) * ((c + d * 2.0) / (d * (c + d)));
  }
  return g("aten::cat", std::vector<typename G::Tensor>{first, middle, last}, dim);
}

template <class G>
typename G::Tensor floating(G& g) {
  auto x = g.tensor("self");
  return is_floating(x.dtype()) ? x : g.cast(x, DType::f32);
}
template <class G>
std::vector<int64_t> chosen_dims(G& g, typename G::Tensor x, bool list) {
  std::vector<int64_t> dims;
  if (list || !g.none("dim")) {
    dims = g.known_ints("dim");
    for (int64_t& d : dims) d += d < 0 ? x.rank() : 0;
  } else {
    for (int64_t d = 0; d < x.rank(); ++d) dims.push_back(d);
  }
  return dims;
}
// `spacing`: one number for all dimensions, one for each, or the points of each.
enum class Spacing { unit, number, numbers, points };
template <class G>
void gradient(G& g, bool list, Spacing spacing) {
  auto x = floating(g);
  const auto dims = chosen_dims(g, x, list);
  const int64_t order = g.known_integer("edge_order");
  std::vector<typename G::Tensor> out;
  const std::vector<double> numbers = spacing == Spacing::numbers ? g.reals("spacing") : std::vector<double>();
  const auto points = spacing == Spacing::points ? g.tensors("spacing") : std::vector<typename G::Tensor>();
  for (size_t i = 0; i < dims.size(); ++i) {
    if (spacing == Spacing::points)
      out.push_back(slope(g, x, dims[i], points.at(i), order));
    else
      out.push_back(slope(g, x, dims[i],
                          spacing == Spacing::numbers                          ? numbers.at(i)
                          : spacing == Spacing::number && !g.none("spacing") ? g.real("spacing")
                                                                               : 1.0,
                          order));
  }
  g.results(out);
}
#define PF_GRADIENT(type, overload, list, spacing)                                        \
  struct Gradient##type {                                                                 \
    static constexpr std::string_view schema = "aten::gradient." overload " -> Tensor[]"; \
    template <class G>                                                                    \
    static void decompose(G& g) {                                                         \
      gradient(g, list, Spacing::spacing);                                                \
    }                                                                                     \
  };
PF_GRADIENT(ScalarInt, "scalarint(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1)", false, number)
PF_GRADIENT(ScalarArray, "scalararray(Tensor self, *, Scalar spacing, int[] dim, int edge_order=1)", true, number)
PF_GRADIENT(Array, "array(Tensor self, *, int[] dim, int edge_order=1)", true, unit)
PF_GRADIENT(ScalarArrayInt, "scalarrayint(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1)", false,
            numbers)
PF_GRADIENT(ScalarArrayArray, "scalarrayarray(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1)", true,
            numbers)
PF_GRADIENT(TensorArrayInt, "tensorarrayint(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1)", false,
            points)
PF_GRADIENT(TensorArray, "tensorarray(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1)", true, points)
#undef PF_GRADIENT

using Ops = OpList<Diff, TrapezoidX, TrapezoidDx, TrapzX, TrapzDx, CumulativeTrapezoidX, CumulativeTrapezoidDx,
                   GradientScalarInt, GradientScalarArray, GradientArray, GradientScalarArrayInt,
                   GradientScalarArrayArray, GradientTensorArrayInt, GradientTensorArray>;

}  // namespace portfire::ops::difference
