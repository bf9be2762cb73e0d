#include "compiler/ir/portable.h"

#include <algorithm>
#include <iterator>

namespace portfire::ir {
namespace {

// "aten::" left out; sorted. The library's name is `X.out` for `X`, `X.Y_out` for `X.Y`, but for those in kOthers.
constexpr std::string_view kRegular[] = {
    "_adaptive_avg_pool2d", "_cdist_forward", "_log_softmax", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "_pdist_forward", "_softmax",
    "abs", "acos", "acosh", "add.Scalar", "addmm", "alias_copy", "amax", "amin", "any.dims", "arange", "argmax", "argmin", "as_strided_copy", "asin", "asinh",
    "atan", "atan2", "atanh", "avg_pool2d", "bitwise_and.Scalar", "bitwise_and.Tensor", "bitwise_left_shift.Tensor", "bitwise_left_shift.Tensor_Scalar",
    "bitwise_not", "bitwise_or.Scalar", "bitwise_or.Tensor", "bitwise_right_shift.Tensor", "bitwise_right_shift.Tensor_Scalar", "bitwise_xor.Scalar",
    "bitwise_xor.Tensor", "bmm", "cat", "ceil", "clamp", "clamp.Tensor", "clone", "constant_pad_nd", "convolution", "convolution_backward", "cos", "cosh",
    "cumsum", "diagonal_copy", "div.Scalar", "div.Scalar_mode", "elu", "embedding", "eq.Scalar", "eq.Tensor", "erf", "exp", "expand_copy", "expm1", "flip",
    "floor", "floor_divide", "fmod.Scalar", "fmod.Tensor", "full", "full_like", "gather", "ge.Scalar", "ge.Tensor", "gelu", "glu", "grid_sampler_2d",
    "gt.Scalar", "gt.Tensor", "hardtanh", "index.Tensor", "index_put", "index_select", "isinf", "isnan", "le.Scalar", "le.Tensor", "leaky_relu", "linear", "log",
    "log10", "log1p", "log2", "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "lt.Scalar", "lt.Tensor", "masked_fill.Scalar",
    "masked_scatter", "masked_select", "max_pool2d_with_indices", "maximum", "minimum", "mm", "mul.Scalar", "native_group_norm", "native_layer_norm", "ne.Scalar", "ne.Tensor",
    "neg", "nonzero", "permute_copy", "pixel_shuffle", "pixel_unshuffle", "pow.Scalar", "pow.Tensor_Scalar", "pow.Tensor_Tensor", "prod", "rand", "randn", "reciprocal",
    "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "relu", "remainder.Scalar", "remainder.Tensor", "repeat", "replication_pad1d",
    "replication_pad2d", "replication_pad3d", "roll", "round", "rsqrt", "rsub.Scalar", "scalar_tensor", "scatter.src", "scatter.value", "scatter_add",
    "select_copy.int", "select_scatter", "sigmoid", "sign", "sin", "sinh", "slice_copy.Tensor", "slice_scatter", "sqrt", "squeeze_copy.dim",
    "squeeze_copy.dims", "stack", "sub.Scalar", "tan", "tanh", "tril", "trunc", "unfold_copy", "unsqueeze_copy", "upsample_bilinear2d.vec",
    "upsample_nearest2d.vec", "var.correction", "var_mean.correction", "view_copy", "where.self",
};
static_assert(std::is_sorted(std::begin(kRegular), std::end(kRegular)));

struct Other {
  std::string_view op, out;
};
constexpr Other kOthers[] = {
    {"_to_copy", "dim_order_ops::_to_dim_order_copy.out"},
    {"add.Tensor", "aten::add.out"},
    {"any", "aten::any.all_out"},
    {"any.dim", "aten::any.out"},
    {"arange.start_step", "aten::arange.start_out"},
    {"div.Tensor", "aten::div.out"},
    {"div.Tensor_mode", "aten::div.out_mode"},
    {"max", "aten::max.unary_out"},
    {"max.dim", "aten::max.dim_max"},
    {"mean", "aten::mean.dtype_out"},
    {"mean.dim", "aten::mean.out"},
    {"min", "aten::min.unary_out"},
    {"min.dim", "aten::min.dim_min"},
    {"mul.Tensor", "aten::mul.out"},
    {"prod.dim_int", "aten::prod.int_out"},
    {"sub.Tensor", "aten::sub.out"},
    {"sum.dim_IntList", "aten::sum.IntList_out"},
    {"topk", "aten::topk.values"},
    {"var.dim", "aten::var.out"},
};

}  // namespace

std::string portable_name(std::string_view op) {
  constexpr std::string_view kAten = "aten::";
  if (!op.starts_with(kAten)) return {};
  const std::string_view name = op.substr(kAten.size());
  for (const Other& o : kOthers)
    if (o.op == name) return std::string(o.out);
  if (!std::binary_search(std::begin(kRegular), std::end(kRegular), name)) return {};
  return std::string(op) + (name.find('.') == name.npos ? ".out" : "_out");
}

}  // namespace portfire::ir
