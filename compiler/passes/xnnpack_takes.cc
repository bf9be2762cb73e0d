#include "compiler/passes/xnnpack_takes.h"

#include <map>

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
  bool is(size_t k, double value) const {
    const Arg& a = n.args[k];
    return (a.real() && *a.real() == value) || (a.integer() && static_cast<double>(*a.integer()) == value);
  }
  bool off(size_t k) const { return n.args[k].boolean() && !*n.args[k].boolean(); }
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
// Over height and width.
bool mean(const Call& c) {
  if (c.rank(0) != 4 || !c.n.args[1].list() || c.n.args[1].list()->size() != 2 || !c.known(1) || !c.n.args[3].none()) return false;
  const int64_t a = (c.item(1, 0) + 4) % 4, b = (c.item(1, 1) + 4) % 4;
  return (a == 2 && b == 3) || (a == 3 && b == 2);
}
bool last_dim(const Call& c) {
  const int64_t d = *c.n.args[1].integer();
  return c.rank(0) > 0 && (d == -1 || d == c.rank(0) - 1) && c.off(2);
}
bool slice(const Call& c) { return c.rank(0) > 0 && (c.n.args[2].integer() || c.n.args[2].none()) && c.is(4, 1); }
bool cat(const Call& c) { return c.n.args[0].list()->size() >= 2 && c.n.args[0].list()->size() <= 5; }
bool pad(const Call& c) {
  for (size_t i = 0; i < c.n.args[1].list()->size(); ++i)
    if (!c.known(1) || c.item(1, i) < 0) return false;
  return c.rank(0) > 0 && c.number(2);
}
bool resize(const Call& c) { return c.rank(0) == 4; }

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
      {"aten::gelu", [](const Call& c) { return c.n.args[1] == Arg("none"); }},
      {"aten::elu", [](const Call& c) { return c.number(1) && c.is(2, 1) && c.is(3, 1); }},
      {"aten::leaky_relu", [](const Call& c) { return c.number(1); }},
      {"aten::abs", always},
      {"aten::neg", always},
      {"aten::ceil", always},
      {"aten::floor", always},
      {"aten::sqrt", always},
      {"aten::exp", always},
      {"aten::log", always},
      {"aten::_softmax", last_dim},
      {"aten::addmm", [](const Call& c) { return c.constant(0) && c.rank(0) == 1 && c.constant(2) && c.is(3, 1) && c.is(4, 1); }},
      {"aten::mm", [](const Call& c) { return c.constant(1); }},
      {"aten::bmm", always},
      {"aten::convolution", convolution},
      {"aten::max_pool2d_with_indices", max_pool},
      {"aten::avg_pool2d", average_pool},
      {"aten::mean.dim", mean},
      {"aten::_adaptive_avg_pool2d", [](const Call& c) { return c.rank(0) == 4 && c.known(1) && c.item(1, 0) == 1 && c.item(1, 1) == 1; }},
      {"aten::upsample_bilinear2d.vec", resize},
      {"aten::permute_copy", always},
      {"aten::view_copy", always},
      {"aten::unsqueeze_copy", always},
      {"aten::squeeze_copy.dim", always},
      {"aten::squeeze_copy.dims", always},
      {"aten::slice_copy.Tensor", slice},
      {"aten::cat", cat},
      {"aten::constant_pad_nd", pad},
  };
  return all;
}

// What it computes is f32 of known sizes, and not nothing.
bool plain(const Type& t) { return t.is_tensor() && t.dtype == DType::f32 && t.is_static() && !t.unbounded && t.rank() <= kMaxRank && t.numel().at[0] > 0; }

}  // namespace

bool xnnpack_takes(const Graph& g, const Uses& uses, const Node& n) {
  const auto it = table().find(n.op->name);
  if (it == table().end()) return false;
  bool all = plain(g.type(n.outs[0]));
  for (const Arg& a : n.args) for_each_ref(a, [&](ir::ValueId v) { all = all && plain(g.type(v)); });
  return all && it->second({g, uses, n});
}

bool xnnpack_gains(const Node& n) {
  const std::string_view op = n.op->name;
  return op == "aten::convolution" || op == "aten::addmm" || op == "aten::mm" || op == "aten::bmm" || op == "aten::_softmax" || op == "aten::gelu";
}

}  // namespace portfire::passes
