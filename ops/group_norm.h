// aten::group_norm of x [N,C,...]: y = (x - mean) / sqrt(var + eps) * w[c] + b[c], the statistics
// taken over C/groups channels and all that follows them.
// aten::instance_norm: the same with a group for each channel.
#pragma once

#include "ops/layer_norm.h"
#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::group_norm {

// Gives mean and 1 / sqrt(var + eps), [N, groups], as well.
struct NativeGroupNorm {
  static constexpr std::string_view schema =
      "aten::native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, "
      "SymInt HxW, int group, float eps) -> (Tensor, Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    if (g.grad()) give_normalised(g);
    if (!g.grad(1) && !g.grad(2)) return;
    auto x = g.tensor("input"), m = g.value(1), r = g.value(2);
    const typename G::Int images = g.integer("N"), groups = g.integer("group"), each = floor_div(g.integer("C"), groups);
    const auto per_group = [&](auto t) { return g.reshape(t, {images, groups, 1, 1}); };
    auto split = g.reshape(g.cast(x, m.dtype()), {images, groups, each, g.integer("HxW")});
    g.give("input", g.reshape(layer_norm::of_statistics(g, split, {2, 3}, per_group(m), per_group(r)), g.sizes(x)));
  }
  template <class G>
  static void give_normalised(G& g) {
    auto all = g.all("aten::native_group_norm_backward", g.grad(), g.tensor("input"), g.value(1), g.value(2), g.arg("weight"), g.arg("N"), g.arg("C"), g.arg("HxW"), g.arg("group"),
                     mask_of(g, {"input", "weight", "bias"}));
    g.give("input", all[0]);
    g.give("weight", all[1]);
    g.give("bias", all[2]);
  }
};

// Product of the sizes after N and C.
template <class G, class T>
auto area(G& g, T x) {
  auto n = g.size(x, 0) * 0 + 1;
  for (int d = 2; d < x.rank(); ++d) n = n * g.size(x, d);
  return n;
}

struct GroupNorm {
  static constexpr std::string_view schema =
      "aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, "
      "float eps=1e-05, bool cudnn_enabled=True) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("input");
    g.result(g("aten::native_group_norm", x, g.tensor("weight"), g.tensor("bias"), g.size(x, 0),
               g.size(x, 1), area(g, x), g.known_integer("num_groups"), g.real("eps")));
  }
};

// With n = (x - mean) * rstd and h = grad * w:
//   grad x = rstd * (h - mean h - n * mean(h * n)), grad w = sum grad * n, grad b = sum grad
struct NativeGroupNormBackward {
  static constexpr std::string_view schema =
      "aten::native_group_norm_backward(Tensor grad_out, Tensor input, Tensor mean, Tensor rstd, "
      "Tensor? weight, SymInt N, SymInt C, SymInt HxW, int group, bool[3] output_mask) -> (Tensor, "
      "Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto input = g.tensor("input"), w = g.tensor("weight");
    const DType t = layer_norm::wide(input.dtype()), to = w ? w.dtype() : input.dtype();
    const int64_t groups = g.known_integer("group");
    const auto images = g.integer("N"), channels = g.integer("C"),
               each = floor_div(channels, groups);
    auto split = [&](auto v) {
      return g.reshape(g.cast(v, t), {images, groups, each, g.integer("HxW")});
    };
    auto per_group = [&](auto v) { return g.reshape(g.cast(v, t), {images, groups, 1, 1}); };
    auto x = split(input), grad = split(g.tensor("grad_out")), rstd = per_group(g.tensor("rstd"));
    auto n = (x - per_group(g.tensor("mean"))) * rstd;
    const auto& mask = *g.arg("output_mask").list();
    auto sum = [&](auto v) {
      return g.cast(g.reshape(g("aten::sum.dim_IntList", v, std::vector<int64_t>{0, 3}, false),
                              {channels}),
                    to);
    };
    decltype(x) grad_input, grad_weight, grad_bias;
    if (*mask[0].boolean()) {
      auto h = w ? grad * g.reshape(g.cast(w, t), {1, groups, each, 1}) : grad;
      auto mean = [&](auto v) { return g("aten::mean.dim", v, std::vector<int64_t>{2, 3}, true); };
      grad_input = g.reshape(g.cast(rstd * (h - mean(h) - n * mean(h * n)), input.dtype()),
                             g.sizes(input));
    }
    if (*mask[1].boolean()) grad_weight = sum(grad * n);
    if (*mask[2].boolean()) grad_bias = sum(grad);
    g.results({grad_input, grad_weight, grad_bias});
  }
};

// Running statistics take the mean over images of each image's own; the variance unbiased.
struct InstanceNorm {
  static constexpr std::string_view schema =
      "aten::instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, "
      "Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) "
      "-> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("input"), w = g.tensor("weight"), b = g.tensor("bias"),
         mean = g.tensor("running_mean"), var = g.tensor("running_var");
    if (!g.boolean("use_input_stats"))
      return g.result(g("aten::batch_norm", x, w, b, mean, var, false, g.real("momentum"),
                        g.real("eps"), false));
    const auto channels = g.size(x, 1);
    if (!channels.known()) g.refuse("symbolic number of channels");
    std::vector<int64_t> dims;
    for (int d = 2; d < x.rank(); ++d) dims.push_back(d);
    auto update = [&](auto running, auto now) {
      auto mixed = running * (1 - g.real("momentum")) +
                   g("aten::mean.dim", now, std::vector<int64_t>{0}, false) * g.real("momentum");
      g("aten::copy_", running, g.cast(mixed, running.dtype()));
    };
    auto wide = g.cast(x, layer_norm::wide(x.dtype()));
    if (mean) update(mean, g("aten::mean.dim", wide, dims, false));
    if (var) update(var, g("aten::var.correction", wide, dims, 1, false));
    g.result(g("aten::native_group_norm", x, w, b, g.size(x, 0), channels, area(g, x),
               channels.fixed, g.real("eps")));
  }
};

using Ops = OpList<NativeGroupNorm, GroupNorm, NativeGroupNormBackward, InstanceNorm>;

}  // namespace portfire::ops::group_norm
