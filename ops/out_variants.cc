#include "ops/out_variants.h"

#include <cstring>

namespace portfire::ops {
namespace {

struct Line {
  std::string_view name, functional;
  uint8_t args = 0;
  std::string_view pattern;
  bool in_place = false;
};

constexpr Line kLines[] = {
    // Other names.
    {"aten::add.out", "aten::add.Tensor"},
    {"aten::sub.out", "aten::sub.Tensor"},
    {"aten::mul.out", "aten::mul.Tensor"},
    {"aten::div.out", "aten::div.Tensor"},
    {"aten::div.out_mode", "aten::div.Tensor_mode"},
    {"aten::max.dim_max", "aten::max.dim"},
    {"aten::min.dim_min", "aten::min.dim"},
    {"aten::mean.out", "aten::mean.dim"},
    {"aten::prod.int_out", "aten::prod.dim_int"},
    {"aten::sum.IntList_out", "aten::sum.dim_IntList"},
    {"aten::topk.values", "aten::topk"},
    {"aten::sort.values", "aten::sort"},
    {"aten::sort.values_stable", "aten::sort.stable"},
    {"aten::max_pool2d_with_indices_backward.grad_input", "aten::max_pool2d_with_indices_backward"},
    // Operators that are another, with the same or with other arguments.
    {"aten::__lshift__.Scalar_out", "aten::bitwise_left_shift.Tensor_Scalar"},
    {"aten::__rshift__.Scalar_out", "aten::bitwise_right_shift.Tensor_Scalar"},
    {"aten::__lshift__.Tensor_out", "aten::bitwise_left_shift.Tensor"},
    {"aten::__rshift__.Tensor_out", "aten::bitwise_right_shift.Tensor"},
    {"aten::_embedding_bag_forward_only.out", "aten::_embedding_bag"},
    {"aten::_conj_copy.out", "aten::_conj_physical"},
    {"aten::any.all_out", "aten::any.dims", 1, "0 none false"},
    {"aten::any.out", "aten::any.dims", 3, "0 [1] 2"},
    {"aten::max.unary_out", "aten::amax", 1, "0 [] false"},
    {"aten::min.unary_out", "aten::amin", 1, "0 [] false"},
    {"aten::mean.dtype_out", "aten::mean.dim", 2, "0 none false 1"},
    {"aten::var.out", "aten::var.correction", 4, "0 1 2 3"},
    {"aten::detach_copy.out", "aten::clone", 1, "0"},
    {"aten::alias_copy.out", "aten::clone", 1, "0"},
    {"aten::lift_fresh_copy.out", "aten::clone", 1, "0"},
    {"aten::clone.out", "aten::clone", 2, "0"},
    {"et_copy::_h2d_copy.out", "aten::clone", 1, "0"},
    {"et_copy::_d2h_copy.out", "aten::clone", 1, "0"},
    // What the functional operator says by arguments, the out says here: its dtype and how it lies in memory.
    {"aten::_to_copy.out", "aten::_to_copy", 3, "0 dtype"},
    {"dim_order_ops::_to_dim_order_copy.out", "aten::_to_copy", 3, "0 dtype"},
    {"dim_order_ops::_clone_dim_order.out", "aten::_to_copy", 3, "0 dtype"},
    {"dim_order_ops::_empty_dim_order.out", "aten::full", 2, "0 =0 dtype"},
    {"aten::empty.out", "aten::full", 2, "0 =0 dtype"},
    {"aten::empty_permuted.out", "aten::full", 2, "0 =0 dtype"},
    {"aten::zeros.out", "aten::full", 1, "0 =0 dtype"},
    {"aten::ones.out", "aten::full", 1, "0 =1 dtype"},
    {"aten::full.out", "aten::full", 2, "0 1 dtype"},
    {"aten::full_like.out", "aten::full_like", 3, "0 1 dtype"},
    {"aten::scalar_tensor.out", "aten::scalar_tensor", 1, "0 dtype"},
    {"aten::arange.out", "aten::arange.start_step", 1, "=0 0 =1 dtype"},
    {"aten::arange.start_out", "aten::arange.start_step", 3, "0 1 2 dtype"},
    {"aten::rand.out", "aten::rand", 1, "0 dtype"},
    {"aten::randn.out", "aten::randn", 1, "0 dtype"},
    // The few that write to their first argument.
    {"aten::copy_", "aten::copy", 3, "0 1 2", true},
    {"aten::index_put_", "aten::index_put", 4, "0 1 2 3", true},
};

}  // namespace

std::string_view OutVariant::functional(char* buffer, size_t size) const {
  const size_t dot = overload.empty() ? 0 : 1, length = op.size() + dot + overload.size();
  if (length > size) return {};
  std::memcpy(buffer, op.data(), op.size());
  if (dot) {
    buffer[op.size()] = '.';
    std::memcpy(buffer + op.size() + 1, overload.data(), overload.size());
  }
  return {buffer, length};
}

bool find_out_variant(std::string_view name, OutVariant* out) {
  for (const Line& line : kLines)
    if (line.name == name) {
      *out = {line.functional, {}, line.pattern, line.args, line.in_place};
      return true;
    }
  const size_t dot = name.find('.');
  if (dot == name.npos) return false;
  const std::string_view overload = name.substr(dot + 1);
  constexpr std::string_view kOut = "_out";
  const bool named = overload.size() > kOut.size() && overload.substr(overload.size() - kOut.size()) == kOut;
  if (!named && overload != "out") return false;
  *out = {name.substr(0, dot), named ? overload.substr(0, overload.size() - kOut.size()) : std::string_view(), {}};
  return true;
}

}  // namespace portfire::ops
