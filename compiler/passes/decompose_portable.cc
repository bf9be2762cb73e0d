// What ExecuTorch's portable library lacks becomes operators that it has, or that `to_portable` has a form for. What cannot is refused
// here, so that no program is written that its runtime would refuse when it loads it.
#include <cmath>
#include <map>

#include "compiler/ir/portable.h"
#include "compiler/passes/match.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/portable_forms.h"
#include "compiler/passes/rewrite.h"
#include "ops/sym.h"

namespace portfire::passes {
namespace {

using ir::Int;
using ir::Ref;
using ir::Tensor;

using Call = PortableCall;
using Rule = Tensor (*)(const Call&);

Tensor clamp(Builder& b, Tensor x, double low, double high) {
  return b("portfire::minimum.Scalar", b("portfire::maximum.Scalar", x, low), high);
}

// The share of x that hard sigmoids let through.
Tensor hard(Builder& b, Tensor x) { return clamp(b, x + 3.0, 0, 6) / 6.0; }

// x + w (y - x) from the nearer end, as ATen computes it.
Tensor lerp(const Call& c) {
  const Tensor x = c.tensor(0), y = c.tensor(1), w = c.tensor(2), near = c.b("aten::lt.Scalar", c.b("aten::abs", w), 0.5);
  const Tensor way = y - x;
  return c.b.where(near, x + w * way, y - way * c.b("portfire::sub.Scalar_Tensor", 1.0, w));
}
Tensor lerp_scalar(const Call& c) {
  const Tensor x = c.tensor(0), y = c.tensor(1), way = y - x;
  const double w = c.real(2);
  return std::fabs(w) < 0.5 ? x + way * w : y - way * (1 - w);
}

// The other where one is NaN.
Tensor number_of(const Call& c, const char* op) {
  const Tensor x = c.tensor(0), y = c.tensor(1);
  const Tensor both = c.b(op, x, y);
  const Tensor or_x = c.b.where(c.b("aten::isnan", y), x, both);
  return c.b.where(c.b("aten::isnan", x), y, or_x);
}

// With d = |x - y|: d^2 / 2 below delta, delta (d - delta / 2) above.
Tensor huber(const Call& c) {
  const Tensor d = c.b("aten::abs", c.tensor(0) - c.tensor(1));
  const double delta = c.real(2);
  return c.b.where(c.b("aten::le.Scalar", d, delta), d * d * 0.5, (d - 0.5 * delta) * delta);
}
// d^2 / (2 beta) below beta, d - beta / 2 above.
Tensor smooth_l1(const Call& c) {
  const Tensor d = c.b("aten::abs", c.tensor(0) - c.tensor(1));
  const double beta = c.real(2);
  if (beta == 0) return d;
  return c.b.where(c.b("aten::lt.Scalar", d, beta), d * d * 0.5 / beta, d - 0.5 * beta);
}

Tensor softshrink(const Call& c) {
  const Tensor x = c.tensor(0);
  const double l = c.real(1);
  return c.b.where(c.greater(x, l), x - l, c.b.where(c.b("aten::lt.Scalar", x, -l), x + l, x * 0.0));
}

Tensor replace_inf(const Call& c) {
  const Tensor x = c.tensor(0);
  return c.b.where(c.b("aten::isinf", x), c.b.where(c.greater(x, 0.0), c.args[1], c.b.where(c.b("aten::isinf", x), c.args[2], x)), x);
}

Tensor sum_squares(const Call& c) {
  Tensor x = c.tensor(0);
  if (c.args[3].integer()) x = c.b.cast(x, static_cast<DType>(*c.args[3].integer()));
  return c.b.one("aten::sum.dim_IntList", {x * x, c.args[1], c.args[2], c.args[3]});
}
Tensor sum_numbers(const Call& c) {
  const Tensor x = c.tensor(0);
  return c.b.one("aten::sum.dim_IntList", {c.b.where(c.b("aten::isnan", x), 0.0, x), c.args[1], c.args[2], c.args[3]});
}

// Rows of zeros to which the gradients of all rows that were looked up are added.
Tensor embedding_dense_backward(const Call& c) {
  Builder& b = c.b;
  if (c.args[4].boolean() && *c.args[4].boolean()) b.refuse("aten::embedding_dense_backward: scale_grad_by_freq has no portable form");
  Tensor grad = c.tensor(0), index = c.tensor(1);
  const Int width = b.size(grad, -1), count = b.numel(index);
  const Int rows = c.args[2].ref() ? Int{&b, c.args[2].ref()->id} : Int(*c.args[2].integer());
  index = b.reshape(index, {count, 1});
  grad = b.reshape(grad, {count, width});
  if (c.args[3].integer() && *c.args[3].integer() >= 0) grad = b.where(b("aten::eq.Scalar", index, c.args[3]), 0.0, grad);
  const Tensor target = b("aten::expand", index, std::vector<Int>{count, width}), zeros = b.full({rows, width}, 0.0, grad.dtype());
  return b("aten::scatter_add", zeros, 0, target, grad);
}

// x r w with r = 1 / sqrt(mean x^2 + eps), computed in f32.
Tensor rms_norm(const Call& c) {
  Builder& b = c.b;
  const Tensor given = c.tensor(0), x = is_floating(given.dtype()) && given.dtype() != DType::f64 ? b.cast(given, DType::f32) : given;
  std::vector<int64_t> dims;
  for (size_t k = c.args[1].list()->size(); k > 0; --k) dims.push_back(-static_cast<int64_t>(k));
  const double eps = c.args[3].none() ? (given.dtype() == DType::f64 ? 2.220446049250313e-16 : 1.1920928955078125e-07) : c.real(3);
  Tensor y = x * b("aten::rsqrt", b("aten::mean.dim", x * x, dims, true) + eps);
  if (c.args[2].ref()) y = y * c.tensor(2);
  return b.cast(y, given.dtype());
}

// What `tril` would keep one diagonal lower is 0.
Tensor triu(const Call& c) {
  const Tensor x = c.tensor(0);
  const std::vector<Int> matrix{c.b.size(x, -2), c.b.size(x, -1)};
  return c.b.where(c.b("aten::tril", c.b.full(matrix, true, DType::boolean), *c.args[1].integer() - 1), x.dtype() == DType::boolean ? Arg(false) : Arg(0), x);
}

const std::map<std::string_view, Rule>& rules() {
  static const std::map<std::string_view, Rule> all = {
      {"aten::rms_norm", rms_norm},
      {"aten::triu", triu},
      {"aten::all.dims", [](const Call& c) { return c.b("aten::logical_not", c.b("aten::any.dims", c.b("aten::logical_not", c.tensor(0)), c.args[1], c.args[2])); }},
      {"aten::silu", [](const Call& c) { return c.tensor(0) * c.b("aten::sigmoid", c.tensor(0)); }},
      {"aten::frac", [](const Call& c) { return c.tensor(0) - c.b("aten::trunc", c.tensor(0)); }},
      {"aten::exp2", [](const Call& c) { return c.b("aten::pow.Scalar", 2.0, c.tensor(0)); }},
      {"aten::erfc", [](const Call& c) { return c.b("portfire::sub.Scalar_Tensor", 1.0, c.b("aten::erf", c.tensor(0))); }},
      {"aten::sgn", [](const Call& c) { return c.b("aten::sign", c.tensor(0)); }},
      {"aten::hypot", [](const Call& c) { return c.b("aten::sqrt", c.tensor(0) * c.tensor(0) + c.tensor(1) * c.tensor(1)); }},
      {"aten::fmax", [](const Call& c) { return number_of(c, "aten::maximum"); }},
      {"aten::fmin", [](const Call& c) { return number_of(c, "aten::minimum"); }},
      {"aten::max_pool2d", [](const Call& c) { return c.b.many("aten::max_pool2d_with_indices", c.args)[0]; }},
      {"aten::embedding_dense_backward", embedding_dense_backward},
      {"portfire::sum_squares", sum_squares},
      {"portfire::sum_numbers", sum_numbers},
      {"portfire::addcmul", [](const Call& c) { return c.tensor(0) + c.tensor(1) * c.tensor(2); }},
      {"portfire::lerp", lerp},
      {"portfire::lerp.Scalar", lerp_scalar},
      {"portfire::huber", huber},
      {"portfire::smooth_l1", smooth_l1},
      {"portfire::softshrink", softshrink},
      {"portfire::hardshrink", [](const Call& c) { return c.b.where(c.b("aten::le.Scalar", c.b("aten::abs", c.tensor(0)), c.args[1]), 0.0, c.tensor(0)); }},
      {"portfire::hardsigmoid", [](const Call& c) { return hard(c.b, c.tensor(0)); }},
      {"portfire::hardswish", [](const Call& c) { return c.tensor(0) * hard(c.b, c.tensor(0)); }},
      {"portfire::leaky_relu", [](const Call& c) { return c.b.where(c.greater(c.tensor(0), 0.0), c.tensor(0), c.tensor(0) * c.tensor(1)); }},
      {"portfire::threshold", [](const Call& c) { return c.b.where(c.b("aten::le.Scalar", c.tensor(0), c.args[1]), c.args[2], c.tensor(0)); }},
      {"portfire::replace_nan", [](const Call& c) { return c.b.where(c.b("aten::isnan", c.tensor(0)), c.args[1], c.tensor(0)); }},
      {"portfire::replace_inf", replace_inf},
  };
  return all;
}

// Of ours, those of numbers that ExecuTorch's runtime has not.
bool is_own_number(std::string_view op) {
  for (const char* name : {"pow", "bitwise_and", "bitwise_or", "floor", "ne", "sym_sqrt"})
    if (op == std::string("executorch_prim::") + name + ".Scalar") return true;
  return false;
}

bool stays(const Node& n) {
  if (is_control_flow(n)) return true;
  if (ops::sym::is_sym_op(n.op->name) && !n.op->schema.returns.empty()) return !is_own_number(n.op->name);
  return (n.op->op && !ir::portable_name(n.op->name).empty()) || has_portable_form(n.op->name);
}

}  // namespace

Result<Graph> decompose_portable(Graph graph) {
  int rounds = 0;
  for (bool again = true; again;) {  // what comes of a decomposition may have to be decomposed
    again = false;
    PF_CHECK(++rounds < 64);  // a rule that leads back to its operator
    PF_ASSIGN(graph, rewrite(graph, [&](Builder& b, const Node& n, std::vector<Arg>& args) -> std::optional<std::vector<Arg>> {
      std::optional<std::vector<Arg>> other = within_limits(n, {b, args});
      if (!other && stays(n)) return std::nullopt;
      again = true;
      if (other) return other;
      if (n.op->schema.returns.empty()) return std::vector<Arg>{};  // a check
      if (auto results = by_positions(n, {b, args})) return results;
      if (auto results = by_axes(n, {b, args})) return results;
      if (auto results = by_bags(n, {b, args})) return results;
      if (const auto it = rules().find(n.op->name); it != rules().end()) return std::vector<Arg>{it->second({b, args})};
      if (!n.op->decompose) b.refuse(std::string(n.op->name) + " has no form in ExecuTorch's portable operators");
      return b.decomposed(*n.op, args);
    }));
  }
  return graph;
}

}  // namespace portfire::passes
