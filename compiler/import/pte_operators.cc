#include "compiler/import/pte_operators.h"

#include <string>
#include <utility>

namespace portfire::import {
namespace {

using ir::OpInfo;

// The library's name is `X.out` for `X`, `X.Y_out` for `X.Y`, but for these.
constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
    {"aten::add.out", "aten::add.Tensor"},
    {"aten::any.all_out", "aten::any"},
    {"aten::any.out", "aten::any.dim"},
    {"aten::arange.start_out", "aten::arange.start_step"},
    {"aten::div.out", "aten::div.Tensor"},
    {"aten::div.out_mode", "aten::div.Tensor_mode"},
    {"aten::max.dim_max", "aten::max.dim"},
    {"aten::max.unary_out", "aten::max"},
    {"aten::max_pool2d_with_indices_backward.grad_input", "aten::max_pool2d_with_indices_backward"},
    {"aten::mean.dtype_out", "aten::mean"},
    {"aten::mean.out", "aten::mean.dim"},
    {"aten::min.dim_min", "aten::min.dim"},
    {"aten::min.unary_out", "aten::min"},
    {"aten::mul.out", "aten::mul.Tensor"},
    {"aten::prod.int_out", "aten::prod.dim_int"},
    {"aten::sort.values", "aten::sort"},
    {"aten::sub.out", "aten::sub.Tensor"},
    {"aten::sum.IntList_out", "aten::sum.dim_IntList"},
    {"aten::topk.values", "aten::topk"},
    {"aten::var.out", "aten::var.dim"},
};

const OpInfo* functional(std::string_view name, bool* in_place) {
  for (const auto& [out, op] : kOthers)
    if (out == name) return ir::find_op_info(op);
  const size_t dot = name.find('.');
  const std::string base(name.substr(0, dot));
  const std::string_view overload = dot == name.npos ? std::string_view() : name.substr(dot + 1);
  if (base.ends_with('_') && !base.ends_with("__")) {
    *in_place = true;
    return ir::find_op_info(base.substr(0, base.size() - 1) + std::string(dot == name.npos ? "" : name.substr(dot)));
  }
  if (overload == "out") {
    const OpInfo* op = ir::find_op_info(base);
    return op || !base.ends_with("_copy") ? op : ir::find_op_info(base.substr(0, base.size() - 5));
  }
  if (overload.ends_with("_out")) return ir::find_op_info(base + "." + std::string(overload.substr(0, overload.size() - 4)));
  return nullptr;
}

// Of functions that make tensors: what the result's tensor says is no argument of the variant.
bool is_of_result(const ir::Schema& schema, const std::string& name) {
  return name == "layout" || name == "device" || name == "pin_memory" || (name == "dtype" && schema.index_of("layout") >= 0);
}

}  // namespace

OutVariant out_variant_of(std::string_view name) {
  OutVariant v;
  v.op = functional(name, &v.in_place);
  if (!v.op) return v;
  int next = 0;
  for (const ir::SchemaArg& a : v.op->schema.args) {
    if (a.name == "dtype" && v.op->schema.index_of("layout") >= 0)
      v.args.push_back(OutVariant::kDtypeOfResult);
    else if (is_of_result(v.op->schema, a.name))
      v.args.push_back(OutVariant::kDefault);
    else
      v.args.push_back(next++);
  }
  v.taken = static_cast<size_t>(next);
  return v;
}

}  // namespace portfire::import
