// aten::layer_norm: y = (x - mean x) / sqrt(var x + eps) * w + b over the last dimensions, those of
// `normalized_shape`.
// aten::rms_norm:   y = x / sqrt(mean x^2 + eps) * w over the same.
#pragma once

#include "ops/composite.h"
#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::layer_norm {

struct LayerNorm {
  static constexpr std::string_view schema =
      "aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? "
      "bias=None, float eps=1e-05, bool cudnn_enable=True) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::native_layer_norm", g.tensor("input"), g.arg("normalized_shape"),
               g.tensor("weight"), g.tensor("bias"), g.real("eps")));
  }
};

// The mean over the dimensions of normalized_shape, which stay with size 1, and the others.
template <class G>
struct Normalized {
  std::vector<int64_t> inner, outer;
  explicit Normalized(G& g, int rank) {
    const int items = static_cast<int>(g.ints("normalized_shape").size());
    for (int d = 0; d < rank; ++d) (d < rank - items ? outer : inner).push_back(d);
  }
};

// What x has of the gradients of its statistics over `dims`, results 1 and 2 of a norm: of the mean m by 1 / n, of r = 1 / sqrt(var
// + eps) by -r^3 (x - m) / n. One of them has one; m and r have the rank of x.
template <class G, class T>
T of_statistics(G& g, T x, const std::vector<int64_t>& dims, T m, T r) {
  typename G::Int n = 1;
  for (int64_t d : dims) n = n * g.size(x, d);
  T sum;
  if (g.grad(1)) sum = g("aten::expand", g.reshape(g.grad(1), g.sizes(m)), g.sizes(x));
  if (g.grad(2)) {
    T of_r = -(g.reshape(g.grad(2), g.sizes(r)) * r * r * r) * (x - m);
    sum = sum ? sum + of_r : of_r;
  }
  return sum / n;
}

// Gives mean and 1 / sqrt(var + eps) as well.
struct NativeLayerNorm {
  static constexpr std::string_view schema =
      "aten::native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? "
      "bias, float eps) -> (Tensor, Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    if (g.grad()) give_normalised(g);
    if (!g.grad(1) && !g.grad(2)) return;
    auto m = g.value(1), r = g.value(2), x = g.cast(g.tensor("input"), m.dtype());
    g.give("input", of_statistics(g, x, Normalized<G>(g, x.rank()).inner, m, r));
  }
  template <class G>
  static void give_normalised(G& g) {
    auto all = g.all("aten::native_layer_norm_backward", g.grad(), g.tensor("input"), g.arg("normalized_shape"), g.value(1), g.value(2), g.arg("weight"), g.arg("bias"),
                     mask_of(g, {"input", "weight", "bias"}));
    g.give("input", all[0]);
    g.give("weight", all[1]);
    g.give("bias", all[2]);
  }
};

// eps=None stands for the machine epsilon of the type that sums are made in.
struct RmsNorm {
  static constexpr std::string_view schema =
      "aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? "
      "eps=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("input");
    const DType t = compute_dtype(x.dtype());
    auto rstd = g.all("aten::_fused_rms_norm", x, g.arg("normalized_shape"), g.arg("weight"), g.arg("eps"))[1];
    auto all = g.all("aten::_fused_rms_norm_backward", g.cast(g.grad(), t), x, g.arg("normalized_shape"), rstd, g.arg("weight"), mask_of(g, {"input", "weight"}));
    g.give("input", all[0]);
    g.give("weight", all[1]);
  }
};

// Gives 1 / sqrt(mean x^2 + eps) as well.
struct FusedRmsNorm {
  static constexpr std::string_view schema =
      "aten::_fused_rms_norm(Tensor input, int[] normalized_shape, Tensor? weight, float? eps) -> "
      "(Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  template <class G>
  static void gradient(G& g) {
    auto x = g.tensor("input"), r = g.value(1);
    if (g.grad()) {
      auto all = g.all("aten::_fused_rms_norm_backward", g.grad(), x, g.arg("normalized_shape"), r, g.arg("weight"), mask_of(g, {"input", "weight"}));
      g.give("input", all[0]);
      g.give("weight", all[1]);
    }
    if (!g.grad(1)) return;  // of r = 1 / sqrt(mean x^2 + eps): -r^3 x / n
    typename G::Int n = 1;
    for (const auto& size : g.ints("normalized_shape")) n = n * size;
    g.give("input", -(g.grad(1) * r * r * r) * g.cast(x, r.dtype()) / n);
  }
};

// Half types are computed in f32, as PyTorch does.
inline DType wide(DType t) { return t == DType::f64 ? t : DType::f32; }

// With n = (x - mean) * rstd and h = grad * w:
//   grad x = rstd * (h - mean h - n * mean(h * n)), grad w = sum grad * n, grad b = sum grad
struct NativeLayerNormBackward {
  static constexpr std::string_view schema =
      "aten::native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, "
      "Tensor mean, Tensor rstd, Tensor? weight, Tensor? bias, bool[3] output_mask) -> (Tensor, "
      "Tensor, Tensor)";
  // Gradients that the mask leaves out are empty.
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
  // The kernel is one of f32.
  template <class G>
  static bool whole(G& g) {
    return g.tensor("input").dtype() == DType::f32 && g.tensor("grad_out").dtype() == DType::f32;
  }
  template <class G>
  static void decompose(G& g) {
    auto input = g.tensor("input"), w = g.tensor("weight");
    const DType t = wide(input.dtype());
    auto x = g.cast(input, t), grad = g.cast(g.tensor("grad_out"), t),
         rstd = g.cast(g.tensor("rstd"), t);
    auto n = (x - g.cast(g.tensor("mean"), t)) * rstd;
    const Normalized<G> dims(g, x.rank());
    const auto& mask = *g.arg("output_mask").list();
    auto sum = [&](auto v) {
      return g.cast(dims.outer.empty() ? v : g("aten::sum.dim_IntList", v, dims.outer, false),
                    w ? w.dtype() : input.dtype());
    };
    decltype(x) grad_input, grad_weight, grad_bias;
    if (*mask[0].boolean()) {
      auto h = w ? grad * g.cast(w, t) : grad;
      auto mean = [&](auto v) { return g("aten::mean.dim", v, dims.inner, true); };
      grad_input = g.cast(rstd * (h - mean(h) - n * mean(h * n)), input.dtype());
    }
    if (*mask[1].boolean() && w) grad_weight = sum(grad * n);
    if (*mask[2].boolean()) grad_bias = sum(grad);
    g.results({grad_input, grad_weight, grad_bias});
  }
};

// With n = x * rstd and h = grad * w: grad x = rstd * (h - n * mean(h * n)).
struct FusedRmsNormBackward {
  static constexpr std::string_view schema =
      "aten::_fused_rms_norm_backward(Tensor grad_out, Tensor input, int[] normalized_shape, "
      "Tensor rstd, Tensor? weight, bool[2] output_mask) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto input = g.tensor("input"), w = g.tensor("weight");
    const DType t = wide(input.dtype());
    auto x = g.cast(input, t), grad = g.cast(g.tensor("grad_out"), t),
         rstd = g.cast(g.tensor("rstd"), t);
    auto n = x * rstd;
    const Normalized<G> dims(g, x.rank());
    const auto& mask = *g.arg("output_mask").list();
    decltype(x) grad_input, grad_weight;
    if (*mask[0].boolean()) {
      auto h = w ? grad * g.cast(w, t) : grad;
      auto mean = g("aten::mean.dim", h * n, dims.inner, true);
      grad_input = g.cast(rstd * (h - n * mean), input.dtype());
    }
    if (*mask[1].boolean() && w) {
      auto v = grad * n;
      grad_weight = g.cast(
          dims.outer.empty() ? v : g("aten::sum.dim_IntList", v, dims.outer, false), w.dtype());
    }
    g.results({grad_input, grad_weight});
  }
};

using Ops = OpList<LayerNorm, NativeLayerNorm, RmsNorm, FusedRmsNorm, NativeLayerNormBackward,
                   FusedRmsNormBackward>;

}  // namespace portfire::ops::layer_norm
