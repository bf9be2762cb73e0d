// Operators that are a sum with fixed weights along each of some dimensions (resampling, pooling by means, the gradients of both, columns
// of windows) for ExecuTorch, whose portable library lacks them: a product with a matrix for each dimension. Those that only move data are
// gathers, which keep what is not finite. Matrices are what the operator makes of unit vectors.
#include <algorithm>
#include <map>

#include "compiler/passes/compute.h"
#include "compiler/passes/portable_forms.h"

namespace portfire::passes {
namespace {

using ir::Int;
using ir::Tensor;
using Call = PortableCall;

// y[..., o, ...] = sum_i m[o, i] x[..., i, ...] along one dimension.
struct Matrix {
  int64_t out = 0, in = 0;
  std::vector<float> numbers;

  bool is_identity() const {
    if (out != in) return false;
    for (size_t k = 0; k < numbers.size(); ++k)
      if (numbers[k] != static_cast<float>(k % (static_cast<size_t>(in) + 1) == 0)) return false;
    return true;
  }
};

[[noreturn]] void refuse(Builder& b, std::string_view op) {
  b.refuse(std::string(op) + " of a symbolic size has no form in ExecuTorch's portable operators");
}

Tensor times(const Call& c, Tensor x, int64_t dim, const Matrix& m) {
  if (m.is_identity()) return x;
  Builder& b = c.b;
  std::vector<int64_t> order;
  for (int64_t d = 0; d < x.rank(); ++d) order.push_back(d);
  std::swap(order[static_cast<size_t>(dim)], order.back());
  const Tensor weights = b.constant(DType::f32, {m.out, m.in}, m.numbers.data());
  if (dim == x.rank() - 1) return b("aten::linear", x, weights);
  const Tensor turned = b("aten::clone", b.permute(x, order), 0);
  return b("aten::clone", b.permute(b("aten::linear", turned, weights), order), 0);
}
Tensor taken(const Call& c, Tensor x, int64_t dim, const std::vector<int64_t>& from) {
  const Tensor index = c.b.constant(DType::i64, {static_cast<int64_t>(from.size())}, from.data());
  return c.b("aten::index_select", x, dim, index);
}

int64_t known(const Call& c, std::string_view op, Int n) {
  if (!n.known() && !n.samples().is_static()) refuse(c.b, op);
  return n.known() ? n.fixed : n.samples().at[0];
}
int64_t item(const Call& c, const Node& n, size_t arg, size_t k) {
  const Arg::List& l = *c.args[arg].list();
  const Arg& a = l[l.size() > k ? k : 0];
  return known(c, n.op->name, a.integer() ? Int(*a.integer()) : Int(&c.b, a.ref()->id));
}

// What the operator makes of the `n` unit vectors of dimension `k`, all others of its `spatial` dimensions being 1: the matrix's columns.
// `args` is called with these vectors, [n, 1, ..., n, ...].
template <class F>
Matrix of_units(const Call& c, const Node& node, size_t spatial, size_t k, int64_t n, F args) {
  std::vector<int64_t> sizes(spatial + 2, 1);
  sizes[0] = sizes[2 + k] = n;
  std::vector<float> units(static_cast<size_t>(n * n), 0);
  for (int64_t i = 0; i < n; ++i) units[static_cast<size_t>(i * n + i)] = 1;
  const std::vector<Computed> y = compute(c.b.graph(), *node.op, args(c.b.constant(DType::f32, sizes, units.data())));
  if (y.empty()) c.b.refuse(std::string(node.op->name) + " has no form in ExecuTorch's portable operators");
  Matrix m{y[0].type.sizes[2 + k].at[0], n, {}};
  const auto* rows = reinterpret_cast<const float*>(y[0].bytes->data());
  for (int64_t o = 0; o < m.out; ++o)
    for (int64_t i = 0; i < n; ++i) m.numbers.push_back(rows[i * m.out + o]);
  return m;
}
Arg::List one_but(size_t spatial, size_t k, int64_t value, int64_t other = 1) {
  Arg::List l(spatial, Arg(other));
  l[k] = value;
  return l;
}

struct Axes {
  size_t spatial;
  enum Kind { resample, gather, resample_gradient, mean, adaptive, mean_gradient, adaptive_gradient } kind;
};
const std::map<std::string_view, Axes>& all_axes() {
  static const std::map<std::string_view, Axes> all = {
      {"aten::upsample_nearest1d", {1, Axes::gather}},
      {"aten::upsample_nearest3d", {3, Axes::gather}},
      {"aten::_upsample_nearest_exact1d", {1, Axes::gather}},
      {"aten::_upsample_nearest_exact2d", {2, Axes::gather}},
      {"aten::_upsample_nearest_exact3d", {3, Axes::gather}},
      {"aten::upsample_linear1d", {1, Axes::resample}},
      {"aten::upsample_trilinear3d", {3, Axes::resample}},
      {"aten::upsample_bicubic2d", {2, Axes::resample}},
      {"aten::_upsample_bilinear2d_aa", {2, Axes::resample}},
      {"aten::_upsample_bicubic2d_aa", {2, Axes::resample}},
      {"aten::upsample_nearest1d_backward", {1, Axes::resample_gradient}},
      {"aten::upsample_nearest2d_backward", {2, Axes::resample_gradient}},
      {"aten::upsample_nearest3d_backward", {3, Axes::resample_gradient}},
      {"aten::upsample_linear1d_backward", {1, Axes::resample_gradient}},
      {"aten::upsample_bilinear2d_backward", {2, Axes::resample_gradient}},
      {"aten::upsample_trilinear3d_backward", {3, Axes::resample_gradient}},
      {"aten::upsample_bicubic2d_backward", {2, Axes::resample_gradient}},
      {"aten::avg_pool3d", {3, Axes::mean}},
      {"aten::_adaptive_avg_pool3d", {3, Axes::adaptive}},
      {"aten::avg_pool2d_backward", {2, Axes::mean_gradient}},
      {"aten::avg_pool3d_backward", {3, Axes::mean_gradient}},
      {"aten::_adaptive_avg_pool2d_backward", {2, Axes::adaptive_gradient}},
      {"aten::_adaptive_avg_pool3d_backward", {3, Axes::adaptive_gradient}},
  };
  return all;
}

// The matrix of dimension `k`, of which `x` has `n`.
Matrix matrix(const Call& c, const Node& node, const Axes& axes, size_t k, int64_t n) {
  const size_t spatial = axes.spatial;
  const auto window = [&](size_t arg, int64_t other) {
    const Arg::List* l = c.args[arg].list();
    return l && l->empty() ? Arg(*l) : Arg(one_but(spatial, k, item(c, node, arg, k), other));
  };
  return of_units(c, node, spatial, k, n, [&](const Arg& units) {
    std::vector<Arg> args = c.args;
    args[0] = units;
    const auto zeros_like_source = [&] {
      const Tensor source = c.tensor(1);
      std::vector<int64_t> sizes(spatial + 2, 1);
      sizes[0] = n;
      const int dim = source.rank() - static_cast<int>(spatial - k);
      sizes[2 + k] = known(c, node.op->name, c.b.size(source, dim));
      const std::vector<float> zeros(static_cast<size_t>(sizes[0] * sizes[2 + k]), 0);
      return c.b.constant(DType::f32, sizes, zeros.data());
    };
    switch (axes.kind) {
      case Axes::resample:
      case Axes::gather:
        args[1] = one_but(spatial, k, item(c, node, 1, k));
        break;
      case Axes::resample_gradient: {
        args[1] = one_but(spatial, k, n);
        Arg::List whole = one_but(spatial + 2, 2 + k, item(c, node, 2, 2 + k));
        whole[0] = n;
        args[2] = std::move(whole);
        break;
      }
      case Axes::adaptive: args[1] = one_but(spatial, k, item(c, node, 1, k)); break;
      case Axes::mean:
        args[1] = window(1, 1), args[2] = window(2, 1), args[3] = window(3, 0);
        if (!args[6].none()) args[6] = 1;
        break;
      case Axes::mean_gradient:
        args[1] = zeros_like_source();
        args[2] = window(2, 1), args[3] = window(3, 1), args[4] = window(4, 0);
        if (!args[7].none()) args[7] = 1;
        break;
      case Axes::adaptive_gradient: args[1] = zeros_like_source(); break;
    }
    // Factors come last, one for each dimension; those of the others are theirs by their sizes.
    if (axes.kind <= Axes::resample_gradient)
      for (size_t d = 0; d < spatial; ++d)
        if (d != k) args[args.size() - spatial + d] = Arg();
    return args;
  });
}

Tensor along_axes(const Call& c, const Node& node, const Axes& axes) {
  Tensor x = c.tensor(0);
  const DType type = x.dtype();
  if (axes.kind != Axes::gather && !is_floating(type))  // images of bytes are rounded between dimensions
    c.b.refuse(std::string(node.op->name) + " of " + name_of(type) + " has no form in ExecuTorch's portable operators");
  if (axes.kind != Axes::gather && type != DType::f32) x = c.b.cast(x, DType::f32);
  for (size_t k = 0; k < axes.spatial; ++k) {
    const int dim = x.rank() - static_cast<int>(axes.spatial - k);
    const Matrix m = matrix(c, node, axes, k, known(c, node.op->name, c.b.size(x, dim)));
    if (axes.kind != Axes::gather) {
      x = times(c, x, dim, m);
      continue;
    }
    std::vector<int64_t> from;
    for (int64_t o = 0; o < m.out; ++o)
      for (int64_t i = 0; i < m.in; ++i)
        if (m.numbers[static_cast<size_t>(o * m.in + i)] != 0) from.push_back(i);
    x = taken(c, x, dim, from);
  }
  const size_t divisor = axes.kind == Axes::mean ? 6 : axes.kind == Axes::mean_gradient ? 7 : 0;
  if (divisor && !c.args[divisor].none()) x = x / static_cast<double>(*c.args[divisor].integer());
  return axes.kind == Axes::gather ? x : c.b.cast(x, type);
}

// One dimension after the other: each is read from behind its end on. Negative padding takes away first.
Tensor padded_around(const Call& c, const Node& node) {
  Tensor x = c.tensor(0);
  const size_t n = c.args[1].list()->size();
  for (size_t k = 0; k < n; k += 2) {
    const int dim = x.rank() - 1 - static_cast<int>(k / 2);
    const int64_t size = known(c, node.op->name, c.b.size(x, dim)), before = item(c, node, 1, k), behind = item(c, node, 1, k + 1);
    std::vector<int64_t> from;
    const int64_t first = std::max<int64_t>(0, -before), length = size - first - std::max<int64_t>(0, -behind);
    for (int64_t i = -before; i < size + behind; ++i) from.push_back(first + ((i - first) % length + length) % length);
    x = taken(c, x, dim, from);
  }
  return x;
}

// Where in the padded image each tap of each window lies: [kernel, windows].
std::vector<int64_t> places(int64_t padded, int64_t kernel, int64_t dilation, int64_t stride) {
  const int64_t windows = (padded - dilation * (kernel - 1) - 1) / stride + 1;
  std::vector<int64_t> at;
  for (int64_t i = 0; i < kernel; ++i)
    for (int64_t o = 0; o < windows; ++o) at.push_back(i * dilation + o * stride);
  return at;
}
Tensor columns(const Call& c, const Node& node) {
  Builder& b = c.b;
  Tensor x = c.tensor(0);
  const int rank = x.rank();
  const auto number = [&](size_t arg, size_t k) { return item(c, node, arg, k); };
  const std::vector<int64_t> padding{number(3, 1), number(3, 1), number(3, 0), number(3, 0)};
  if (padding[0] || padding[2]) x = b("aten::constant_pad_nd", x, padding, 0);
  const std::vector<int64_t> rows = places(known(c, node.op->name, b.size(x, -2)), number(1, 0), number(2, 0), number(4, 0));
  const std::vector<int64_t> across = places(known(c, node.op->name, b.size(x, -1)), number(1, 1), number(2, 1), number(4, 1));
  x = taken(c, taken(c, x, rank - 1, across), rank - 2, rows);
  const int64_t kh = number(1, 0), kw = number(1, 1);
  const int64_t h = static_cast<int64_t>(rows.size()) / kh, w = static_cast<int64_t>(across.size()) / kw;
  const Int batch = rank == 4 ? b.size(x, 0) : Int(1), channels = b.size(x, rank - 3);
  x = b("aten::clone", b.permute(b.reshape(x, {batch, channels, kh, h, kw, w}), {0, 1, 2, 4, 3, 5}), 0);
  return rank == 4 ? b.reshape(x, {batch, channels * (kh * kw), h * w}) : b.reshape(x, {channels * (kh * kw), h * w});
}
Tensor image(const Call& c, const Node& node) {
  Builder& b = c.b;
  Tensor x = c.tensor(0);
  const DType type = x.dtype();
  const bool batched = x.rank() == 3;
  if (type != DType::f32) x = b.cast(x, DType::f32);
  Matrix sums[2];
  int64_t kernel[2], windows[2];
  for (size_t d : {0u, 1u}) {
    const int64_t size = item(c, node, 1, d), padding = item(c, node, 4, d);
    kernel[d] = item(c, node, 2, d);
    const std::vector<int64_t> at = places(size + 2 * padding, kernel[d], item(c, node, 3, d), item(c, node, 5, d));
    windows[d] = static_cast<int64_t>(at.size()) / kernel[d];
    sums[d] = {size, static_cast<int64_t>(at.size()), std::vector<float>(static_cast<size_t>(size) * at.size(), 0)};
    for (size_t i = 0; i < at.size(); ++i)
      if (const int64_t o = at[i] - padding; o >= 0 && o < size) sums[d].numbers[static_cast<size_t>(o) * at.size() + i] += 1;
  }
  const Int batch = batched ? b.size(x, 0) : Int(1), channels = floor_div(b.size(x, x.rank() - 2), kernel[0] * kernel[1]);
  x = b.reshape(x, {batch, channels, kernel[0], kernel[1], windows[0], windows[1]});
  x = b("aten::clone", b.permute(x, {0, 1, 2, 4, 3, 5}), 0);
  x = b.reshape(x, {batch, channels, kernel[0] * windows[0], kernel[1] * windows[1]});
  x = times(c, times(c, x, 3, sums[1]), 2, sums[0]);
  x = batched ? x : b("aten::squeeze.dim", x, 0);
  return b.cast(x, type);
}

}  // namespace

std::optional<std::vector<Arg>> by_axes(const Node& n, const PortableCall& c) {
  if (n.op->name == "aten::_pad_circular") return std::vector<Arg>{padded_around(c, n)};
  if (n.op->name == "aten::im2col") return std::vector<Arg>{columns(c, n)};
  if (n.op->name == "aten::col2im") return std::vector<Arg>{image(c, n)};
  const auto it = all_axes().find(n.op->name);
  if (it == all_axes().end()) return std::nullopt;
  return std::vector<Arg>{along_axes(c, n, it->second)};
}

}  // namespace portfire::passes
