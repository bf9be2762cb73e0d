// Normalisation, dropout, resampling, and gradients of layers, made of operators that have kernels.
#include <algorithm>

#include "ops/composite.h"
#include "ops/element.h"
#include "runtime/expansions.h"

namespace portfire {
namespace {

using namespace expand;

// `.vec` takes sizes or factors for each dimension.
Error upsample(Calls& c, std::string_view op, bool has_align_corners) {
  const TensorView& x = tensor(c, 0);
  const Args a = c.args();
  const size_t last = has_align_corners ? 3 : 2;
  const auto sizes = a.ints(1);
  const auto factors = a.reals(last);
  if (x.rank() != 4 || sizes.empty() == factors.empty() || sizes.size() + factors.size() != 2)
    return Error::make(Code::bad_argument, "%s to %zu sizes by %zu factors (expected rank 4, and two of one of both)",
                       TypeText(x).c_str(), sizes.size(), factors.size());
  int64_t to[2];
  for (size_t d = 0; d < 2; ++d)
    to[d] = sizes.empty() ? static_cast<int64_t>(static_cast<double>(x.size(static_cast<int>(d) + 2)) * factors[d]) : sizes[d];
  const Value* scales[2] = {c.none(), c.none()};
  for (size_t d = 0; d < factors.size(); ++d) scales[d] = c.value(factors[d]);
  return has_align_corners ? c.add(op, {c.arg(0), c.ints(to), c.arg(2), scales[0], scales[1]}, {&c.out()})
                           : c.add(op, {c.arg(0), c.ints(to), scales[0], scales[1]}, {&c.out()});
}
Error upsample_nearest(Calls& c) { return upsample(c, "aten::upsample_nearest2d", false); }
Error upsample_bilinear(Calls& c) { return upsample(c, "aten::upsample_bilinear2d", true); }

Error var_mean(Calls& c) {
  PF_TRY(c.add("aten::var.correction", {c.arg(0), c.arg(1), c.arg(2), c.arg(3)}, {&c.out(0)}));
  return c.add("aten::mean.dim", {c.arg(0), c.arg(1), c.arg(3)}, {&c.out(1)});
}

// y = mask x / (1 - p), and the mask: random numbers are drawn into the result, which is where they become y.
Error native_dropout(Calls& c) {
  TensorView &x = tensor(c, 0), &y = c.out(0), &mask = c.out(1);
  PF_TRY(check_dtype(x));
  if (mask.dtype != DType::boolean) return Error::make(Code::bad_file, "the mask is %s (expected bool)", name_of(mask.dtype));
  const double p = c.args().real(1);
  const bool train = c.args().boolean(2, true) && p > 0;
  if (!train || p >= 1) {
    PF_TRY(c.add("aten::full_like", {c.arg(0), c.value(!train), c.dtype(DType::boolean)}, {&mask}));
    if (!train) return add_copy(c, x, y, x.shape);
    return c.add("aten::full_like", {c.arg(0), c.value(0.0), c.dtype(y.dtype)}, {&y});
  }
  PF_TRY(c.add("aten::rand", {c.ints(x.shape.dims()), c.dtype(y.dtype)}, {&y}));
  const DType t = ops::compute_dtype(ops::float_result(x.dtype));
  PointwiseText kept(c);
  kept.step("ge", y.dtype, {kept.input(y), p});
  PF_TRY(kept.finish(mask));
  PointwiseText text(c);
  const int data = text.input(x), keep = text.input(mask);
  text.step("mul", t, {text.step("mul", t, {data, keep}), 1 / (1 - p)});
  return text.finish(y);
}

// [C] as it meets the channels of x [N,C,...].
TensorView* per_channel(Calls& c, TensorView& v, const TensorView& x) {
  TensorView* spread = c.derive(v);
  spread->shape.rank = std::max(x.rank() - 1, 1);
  for (int d = 1; d < spread->rank(); ++d) spread->shape.sizes[d] = 1, spread->strides[d] = 0;
  return spread;
}

Error check_channels(Calls& c, std::initializer_list<size_t> vectors) {
  const TensorView& x = tensor(c, 0);
  PF_TRY(check_dtype(x));
  if (x.rank() < 2) return Error::make(Code::bad_argument, "input %s (expected rank 2 or more)", TypeText(x).c_str());
  for (size_t i : vectors) {
    if (c.args().none(i)) continue;
    PF_TRY(check_dtype(tensor(c, i)));
    if (tensor(c, i).rank() != 1 || (tensor(c, i).size(0) != x.size(1) && !c.sampled()))
      return Error::make(Code::bad_argument, "argument %zu is %s (expected one number for each channel of %s)", i,
                         TypeText(tensor(c, i)).c_str(), TypeText(x).c_str());
  }
  return {};
}

// y = (x - mean) / sqrt(var + eps) * w[c] + b[c]; of the statistics of an inference call there are none.
Error batch_norm_inference(Calls& c, size_t mean_at, size_t eps_at) {
  PF_TRY(check_channels(c, {1, 2, mean_at, mean_at + 1}));
  TensorView& x = tensor(c, 0);
  const DType t = ops::compute_dtype(ops::float_result(x.dtype));
  PointwiseText text(c);
  const int in = text.input(x), mean = text.input(*per_channel(c, tensor(c, mean_at), x));
  const int var = text.input(*per_channel(c, tensor(c, mean_at + 1), x));
  const int w = c.args().none(1) ? -1 : text.input(*per_channel(c, tensor(c, 1), x));
  const int b = c.args().none(2) ? -1 : text.input(*per_channel(c, tensor(c, 2), x));
  int scale = text.step("rsqrt", t, {text.step("add", t, {var, c.args().real(eps_at)})});
  if (w >= 0) scale = text.step("mul", t, {scale, w});
  int y = text.step("mul", t, {text.step("sub", t, {in, mean}), scale});
  if (b >= 0) y = text.step("add", t, {y, b});
  text.cast(y, x.dtype);
  return text.finish(c.out());
}
Error batch_norm_no_training(Calls& c) { return batch_norm_inference(c, 3, 6); }

// `running_at`: of the running statistics, which move to those of this batch; 0: there are none.
Error batch_norm_train(Calls& c, size_t running_at, size_t eps_at) {
  PF_TRY(running_at ? check_channels(c, {1, 2, running_at, running_at + 1}) : check_channels(c, {1, 2}));
  TensorView &x = tensor(c, 0), &mean = c.out(1), &invstd = c.out(2);
  const DType t = x.dtype;
  const auto computes = [&](const TensorView& v) { return v.dtype == t; };
  bool same = (t == DType::f32 || t == DType::f64) && computes(c.out(0)) && computes(mean) && computes(invstd);
  for (size_t i : {size_t{1}, size_t{2}}) same &= c.args().none(i) || computes(tensor(c, i));
  if (!same) return Error::make(Code::unsupported, "batch norm that trains in %s (expected f32 or f64 throughout)", name_of(t));
  // The last result is the variance first.
  PF_TRY(c.add("portfire::batch_norm_train", {c.arg(0), c.arg(1), c.arg(2), c.arg(eps_at)}, {&c.out(0), &mean, &invstd}));
  int64_t count = x.size(0);
  for (int d = 2; d < x.rank(); ++d) count *= x.size(d);
  for (const bool variance : {false, true}) {
    if (!running_at) break;
    const double momentum = c.args().real(eps_at - 1);
    TensorView& running = tensor(c, running_at + variance);
    PointwiseText text(c);
    const int old = text.input(running), now = text.input(variance ? invstd : mean);
    // The variance unbiased: one value alone has none (0 / 0).
    const double share = variance ? momentum * static_cast<double>(count) / static_cast<double>(count - 1) : momentum;
    text.step("add", t, {text.step("mul", t, {old, 1 - momentum}), text.step("mul", t, {now, share})});
    PF_TRY(text.finish(running));
  }
  PointwiseText text(c);
  text.step("rsqrt", t, {text.step("add", t, {text.input(invstd), c.args().real(eps_at)})});
  return text.finish(invstd);
}
Error batch_norm_no_stats(Calls& c) { return batch_norm_train(c, 0, 5); }
Error batch_norm(Calls& c) { return c.args().boolean(5) ? batch_norm_train(c, 3, 7) : batch_norm_inference(c, 3, 7); }

// The gradients of a convolution, as ops/convolution.h has them.
Error convolution_backward(Calls& c) {
  TensorView &grad = tensor(c, 0), &x = tensor(c, 1), &w = tensor(c, 2);
  const Args a = c.args();
  const int spatial = x.rank() - 2;
  const auto mask = a.booleans(10);
  const bool transposed = a.boolean(7);
  if (mask.size() != 3 || spatial < 1 || grad.rank() != x.rank() || w.rank() != x.rank())
    return Error::make(Code::bad_argument, "grad_output %s for input %s and weight %s", TypeText(grad).c_str(), TypeText(x).c_str(),
                       TypeText(w).c_str());
  const auto item = [&](size_t i, int d) {
    const auto list = a.ints(i);
    if (list.empty()) return int64_t{i == 5 ? 0 : 1};
    return list[list.size() == 1 ? 0 : std::min(static_cast<size_t>(d), list.size() - 1)];
  };
  int64_t sizes[kMaxRank] = {}, kernel[kMaxRank] = {}, dims[kMaxRank] = {};
  for (int d = 0; d < spatial; ++d) {
    kernel[d] = w.size(d + 2);
    dims[d + 1] = d + 2;
    const int64_t reach = (grad.size(d + 2) - 1) * item(4, d) - 2 * item(5, d) + (kernel[d] - 1) * item(6, d) + 1;
    sizes[d] = transposed ? 0 : x.size(d + 2) - reach;
  }
  const auto n = static_cast<size_t>(spatial);
  if (mask[0])
    PF_TRY(c.add("aten::convolution",
                 {c.arg(0), c.arg(2), c.none(), c.arg(4), c.arg(5), c.arg(6), c.value(!transposed), c.ints({sizes, n}), c.arg(9)},
                 {&c.out(0)}));
  if (mask[1])
    PF_TRY(c.add("portfire::convolution_backward_weight",
                 {c.arg(transposed ? 0 : 1), c.arg(transposed ? 1 : 0), c.ints({kernel, n}), c.arg(4), c.arg(5), c.arg(6), c.arg(9)},
                 {&c.out(1)}));
  if (mask[2]) PF_TRY(c.add("aten::sum.dim_IntList", {c.arg(0), c.ints({dims, n + 1}), c.value(false)}, {&c.out(2)}));
  return {};
}

// The last two dimensions as one; null where they do not lie so.
TensorView* flat_planes(Calls& c, TensorView& t, const Shape& sizes) {
  TensorView* v = c.derive(t);
  const int r = sizes.rank;
  v->shape = sizes;
  if (sizes != t.shape) v->set_contiguous();
  if (sizes.sizes[r - 2] != 1 && sizes.sizes[r - 1] != 1 && v->strides[r - 2] != v->strides[r - 1] * sizes.sizes[r - 1]) return nullptr;
  if (sizes.sizes[r - 1] == 1) v->strides[r - 1] = v->strides[r - 2];
  v->strides[r - 2] = v->strides[r - 1];
  v->shape.sizes[r - 2] *= sizes.sizes[r - 1];
  --v->shape.rank;
  return v;
}

// The gradient goes to where each maximum came from.
Error max_pool2d_backward(Calls& c) {
  TensorView &grad = tensor(c, 0), &x = tensor(c, 1), &indices = tensor(c, 7), &out = c.out();
  if (x.rank() < 2 || grad.rank() < 2 || indices.rank() < 2)
    return Error::make(Code::bad_argument, "input %s (expected rank 3 or 4)", TypeText(x).c_str());
  TensorView *from = flat_planes(c, grad, grad.shape), *at = flat_planes(c, indices, indices.shape), *to = flat_planes(c, out, x.shape);
  if (!from || !at || !to) return Error::make(Code::unsupported, "planes that are not contiguous");
  PF_TRY(c.add("aten::full_like", {c.arg(1), c.value(0.0), c.dtype(out.dtype)}, {&out}));
  return c.add("aten::scatter_add", {c.value(to), c.value(int64_t{-1}), c.value(at), c.value(from)}, {to});
}

// Without output_size the result has as many places as the program gives it.
Error repeat_interleave(Calls& c) {
  return c.add("portfire::repeat_interleave", {c.arg(0), c.arg(1), c.value(c.most())}, {&c.out()});
}

constexpr Expansion kExpansions[] = {
    {"aten::upsample_nearest2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor", upsample_nearest},
    {"aten::upsample_bilinear2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor",
     upsample_bilinear},
    {"aten::var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)",
     var_mean},
    {"aten::native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)", native_dropout},
    {"aten::_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor "
     "running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
     batch_norm_no_training},
    {"aten::_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, "
     "float eps) -> (Tensor, Tensor, Tensor)",
     batch_norm_no_stats},
    {"aten::_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) "
     "running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
     batch_norm},
    {"aten::convolution_backward(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? bias_sizes, SymInt[] stride, SymInt[] "
     "padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, "
     "SymInt groups, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
     convolution_backward},
    {"aten::max_pool2d_with_indices_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] "
     "padding, int[2] dilation, bool ceil_mode, Tensor indices) -> Tensor",
     max_pool2d_backward},
    {"aten::repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor", repeat_interleave},
};

}  // namespace

std::span<const Expansion> layer_expansions() { return kExpansions; }

}  // namespace portfire
