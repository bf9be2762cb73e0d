// What the passes for ExecuTorch share: operators in terms of those that its portable library has.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "compiler/passes/rewrite.h"

namespace portfire::passes {

// Which of our operators `to_portable` says in ExecuTorch's.
bool has_portable_form(std::string_view op);

// A call that is to be said otherwise.
struct PortableCall {
  Builder& b;
  const std::vector<Arg>& args;

  ir::Tensor tensor(size_t i) const { return {&b, args[i].ref()->id}; }
  bool is_tensor(size_t i) const { return args[i].ref() && b.graph().type(args[i].ref()->id).is_tensor(); }
  double real(size_t i) const { return args[i].real() ? *args[i].real() : args[i].integer() ? static_cast<double>(*args[i].integer()) : 0; }
  ir::Tensor greater(ir::Tensor x, Arg y) const { return b("aten::gt.Scalar", x, y); }
};

// 0 to n - 1, i64.
inline ir::Tensor counting(Builder& b, ir::Int n) { return b("aten::arange.start_step", 0, n, 1, DType::i64); }
// Whether a form in which each element of `x` meets `n` others would take more room than such a form may.
inline bool too_many_pairs(ir::Tensor x, ir::Int n) {
  constexpr int64_t kMost = int64_t{1} << 24;
  return x.type().numel().upper() > kMost / std::max<int64_t>(1, n.samples().upper());
}

// What stands for a call that ExecuTorch's kernel of that operator does not take (compiler/passes/portable_limits.cc); nullopt: it takes it.
std::optional<std::vector<Arg>> within_limits(const Node& node, const PortableCall& call);
// The results of sorts and searches in terms of comparisons (compiler/passes/portable_positions.cc); nullopt: it is none of these.
std::optional<std::vector<Arg>> by_positions(const Node& node, const PortableCall& call);
// The results of what is a sum along single dimensions, as products and gathers (compiler/passes/portable_axes.cc); nullopt: it is not.
std::optional<std::vector<Arg>> by_axes(const Node& node, const PortableCall& call);
// The results of bags of embeddings, by sums at places (compiler/passes/portable_bags.cc); nullopt: it is none.
std::optional<std::vector<Arg>> by_bags(const Node& node, const PortableCall& call);

}  // namespace portfire::passes
