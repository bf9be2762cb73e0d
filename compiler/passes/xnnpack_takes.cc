#include "compiler/passes/xnnpack_takes.h"

#include <map>

#include "compiler/ir/dim_range.h"

namespace portfire::passes {
namespace {

using ir::Arg;
using ir::Graph;
using ir::Node;
using ir::Type;

constexpr int kMaxRank = 6;

struct Call {
  const Graph& g;
  const Uses& uses;
  const Node& n;

  const Type* type(size_t k) const { return n.args[k].ref() ? &g.type(n.args[k].ref()->id) : nullptr; }
  bool constant(size_t k) const { return n.args[k].ref() && constant_of(g, n.args[k].ref()->id); }
  int rank(size_t k) const { return type(k)->rank(); }
  bool number(size_t k) const { return n.args[k].real() || n.args[k].integer(); }
  bool is(size_t k, double value) const { return is_number(n.args[k], value); }
  bool off(size_t k) const { return n.args[k].boolean() && !*n.args[k].boolean(); }
  // How many sizes of the result are not known.
  int unknown_sizes() const { return unknown(g.type(n.outs[0])); }
  static int unknown(const Type& t) {
    int count = 0;
    for (const ir::Dim& d : t.sizes) count += !d.is_static();
    return count;
  }
  // A list of numbers that are known, or empty.
  bool known(size_t k) const {
    const Arg::List* l = n.args[k].list();
    if (!l) return n.args[k].none();
    for (const Arg& a : *l)
      if (!a.integer()) return false;
    return true;
  }
  int64_t item(size_t k, size_t i) const {
    const Arg::List& l = *n.args[k].list();
    return *l[l.size() > i ? i : 0].integer();
  }
};
using Takes = bool (*)(const Call&);

bool always(const Call&) { return true; }
bool with_number(const Call& c) { return c.number(1) && c.is(2, 1); }
bool without_alpha(const Call& c) { return c.is(2, 1); }

bool convolution(const Call& c) {
  if (c.rank(0) != 4 || !c.constant(1) || !(c.n.args[2].none() || c.constant(2))) return false;
  for (size_t k : {3u, 4u, 5u, 7u})
    if (!c.known(k)) return false;
  return c.off(6) || (c.n.args[8] == Arg(1) && c.item(5, 0) == 1 && c.item(5, 1) == 1);
}
bool max_pool(const Call& c) {
  if (c.rank(0) != 4 || c.uses.used(c.n.outs[1]) || !c.off(5)) return false;
  for (size_t k : {1u, 2u, 3u, 4u})
    if (!c.known(k)) return false;
  const bool strided = c.n.args[2].list() && !c.n.args[2].list()->empty();
  for (size_t d : {0u, 1u})
    if (strided && c.item(2, d) > c.item(1, d)) return false;
  return c.item(1, 0) * c.item(1, 1) > 1;
}
bool average_pool(const Call& c) {
  if (c.rank(0) != 4 || !c.known(1) || !c.known(2) || !c.known(3) || !c.off(4) || !c.n.args[6].none()) return false;
  for (size_t d : {0u, 1u})
    if (c.n.args[3].list() && !c.n.args[3].list()->empty() && c.item(3, d) != 0) return false;
  return c.item(1, 0) * c.item(1, 1) > 1;
}
// Reshapes find one size at the most when they run.
bool reshape(const Call& c) { return c.rank(0) > 0 && c.unknown_sizes() <= 1; }
// Over neighbouring dimensions.
bool mean(const Call& c) {
  if (!c.n.args[3].none()) return false;
  const Type& t = *c.type(0);
  const ir::DimRange over = ir::mean_range(c.n, t.rank());
  if (over.end < over.begin || c.unknown_sizes() > 1) return false;
  if (t.rank() == 4 && over.begin == 2 && over.end == 4) return true;
  int unknown = 0;
  for (const ir::Dim& part : ir::around(t, over)) unknown += !part.is_static();
  return unknown <= 1;
}
bool last_dim(const Call& c) {
  const int64_t d = *c.n.args[1].integer();
  return c.rank(0) > 0 && (d == -1 || d == c.rank(0) - 1) && c.off(2);
}
// Where a size of 0 would have to stand for the whole, some versions of XNNPACK skip the node.
bool slice(const Call& c) { return c.type(0)->is_static() && c.rank(0) > 0 && (c.n.args[2].integer() || c.n.args[2].none()) && c.is(4, 1); }
bool select(const Call& c) { return c.type(0)->is_static() && c.rank(0) > 1 && c.n.args[2].integer(); }
bool linear(const Call& c) { return c.rank(0) > 1 && c.rank(1) == 2 && c.constant(1) && (c.n.args[2].none() || c.constant(2)); }
bool square(const Call& c) { return c.is(1, 2); }
// Slopes of what is the last dimension where channels are last.
bool prelu(const Call& c) { return (c.rank(0) == 2 || c.rank(0) == 4) && c.constant(1) && c.type(1)->numel() == c.type(0)->sizes[1]; }
bool known_window(const Call& c) {
  const Type& t = c.g.type(c.n.outs[0]);
  return c.rank(0) == 4 && t.sizes[2].is_static() && t.sizes[3].is_static();
}
bool cat(const Call& c) { return c.n.args[0].list()->size() >= 2 && c.n.args[0].list()->size() <= 5; }
bool pad(const Call& c) {
  for (size_t i = 0; i < c.n.args[1].list()->size(); ++i)
    if (!c.known(1) || c.item(1, i) < 0) return false;
  return c.rank(0) > 0 && c.number(2);
}

const std::map<std::string_view, Takes>& table() {
  static const std::map<std::string_view, Takes> all = {
      {"aten::add.Tensor", without_alpha},
      {"aten::sub.Tensor", without_alpha},
      {"aten::mul.Tensor", always},
      {"aten::div.Tensor", always},
      {"aten::add.Scalar", with_number},
      {"aten::sub.Scalar", with_number},
      {"aten::mul.Scalar", [](const Call& c) { return c.number(1); }},
      {"aten::div.Scalar", [](const Call& c) { return c.number(1); }},
      {"aten::maximum", always},
      {"aten::minimum", always},
      {"aten::relu", always},
      {"aten::hardtanh", always},
      {"aten::clamp", [](const Call& c) { return (c.n.args[1].none() || c.number(1)) && (c.n.args[2].none() || c.number(2)); }},
      {"aten::sigmoid", always},
      {"aten::tanh", always},
      {"aten::gelu", [](const Call& c) { return c.n.args[1] == Arg("none") && c.type(0)->dtype == DType::f32; }},
      {"aten::elu", [](const Call& c) { return c.number(1) && c.is(2, 1) && c.is(3, 1); }},
      {"aten::leaky_relu", [](const Call& c) { return c.number(1); }},
      {"aten::abs", always},
      {"aten::neg", always},
      {"aten::ceil", always},
      {"aten::floor", always},
      {"aten::sqrt", always},
      {"aten::rsqrt", always},
      {"aten::reciprocal", always},
      {"aten::sin", always},
      {"aten::cos", always},
      {"aten::pow.Tensor_Scalar", square},
      {"aten::rsub.Scalar", with_number},
      {"aten::hardswish", always},
      {"aten::prelu", prelu},
      {"aten::exp", always},
      {"aten::log", always},
      {"aten::_softmax", last_dim},
      {"aten::addmm", [](const Call& c) { return c.constant(0) && c.rank(0) == 1 && c.constant(2) && c.is(3, 1) && c.is(4, 1); }},
      {"aten::linear", linear},
      {"aten::mm", always},
      {"aten::bmm", always},
      {"aten::matmul", always},
      {"aten::convolution", convolution},
      {"aten::max_pool2d_with_indices", max_pool},
      {"aten::avg_pool2d", average_pool},
      {"aten::mean.dim", mean},
      {"aten::_adaptive_avg_pool2d", [](const Call& c) { return c.rank(0) == 4 && c.known(1) && c.item(1, 0) == 1 && c.item(1, 1) == 1; }},
      {"aten::upsample_bilinear2d.vec", known_window},
      {"aten::permute_copy", [](const Call& c) { return c.rank(0) > 0; }},
      {"aten::view_copy", reshape},
      {"aten::unsqueeze_copy", reshape},
      {"aten::squeeze_copy.dim", reshape},
      {"aten::squeeze_copy.dims", reshape},
      {"aten::slice_copy.Tensor", slice},
      {"aten::select_copy.int", select},
      {"aten::cat", cat},
      {"aten::constant_pad_nd", pad},
  };
  return all;
}

// What it computes with: tensors of f32 or f16 of bounded sizes, and not nothing. Only constants may be without dimensions.
bool plain(const Graph& g, ir::ValueId v) {
  const Type& t = g.type(v);
  if (!t.is_tensor() || (t.dtype != DType::f32 && t.dtype != DType::f16) || t.unbounded || t.rank() > kMaxRank) return false;
  if (t.rank() == 0 && !constant_of(g, v)) return false;
  for (int64_t n : t.numel().at)
    if (n <= 0) return false;
  return true;
}

}  // namespace

bool xnnpack_takes(const Graph& g, const Uses& uses, const Node& n) {
  const auto it = table().find(n.op->name);
  if (it == table().end()) return false;
  bool all = plain(g, n.outs[0]);
  const DType type = g.type(n.outs[0]).dtype;
  for (const Arg& a : n.args) for_each_ref(a, [&](ir::ValueId v) { all = all && plain(g, v) && g.type(v).dtype == type; });
  return all && it->second({g, uses, n});
}

bool xnnpack_gains(const Node& n) {
  for (const char* op : {"convolution", "linear", "addmm", "mm", "bmm", "matmul", "_softmax", "gelu", "hardswish", "prelu"})
    if (n.op->name == std::string("aten::") + op) return true;
  return false;
}

}  // namespace portfire::passes
