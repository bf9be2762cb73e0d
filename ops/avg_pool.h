// Pooling by mean over windows of the last 1 to 3 dimensions, and its gradient. The divisor is
// divisor_override where given, else the window's size with padding (count_include_pad) or without.
#pragma once

#include "ops/max_pool.h"
#include "ops/op.h"

namespace portfire::ops::avg_pool {

// The window, its divisor's rule, and the input that it moves over, of avg_poolNd or its gradient.
struct Pool {
  Window window;
  bool include_pad = true;
  int64_t divisor = 0;  // 0: that of the window
  int64_t in[kVolumeDims];

  // Of the outputs at d, h, w, given what they cover.
  int64_t divide_by(const int64_t* at, const Range* covered) const;
  // That of one dimension, where there is no divisor.
  int64_t extent(int d, int64_t at, const Range& covered) const;
};
// `first`: the argument that holds kernel_size.
Error read(const Args& a, const TensorView& x, int first, int spatial, Pool* p);

Error infer_pool(const Args& a, int spatial, std::span<TensorSpec> outs);
Error run_pool(const Args& a, int spatial, std::span<TensorView> outs);
Error infer_adaptive(const Args& a, int spatial, std::span<TensorSpec> outs);
Error run_adaptive(const Args& a, int spatial, std::span<TensorView> outs);
// Gradients: arguments start with grad_output, self.
Error infer_pool_gradient(const Args& a, int spatial, std::span<TensorSpec> outs);
Error infer_adaptive_gradient(const Args& a, int spatial, std::span<TensorSpec> outs);
Error run_pool_gradient(const Args& a, int spatial, std::span<TensorView> outs);
Error run_adaptive_gradient(const Args& a, int spatial, std::span<TensorView> outs);
size_t gradient_scratch(const Args& a, int spatial);

template <class G>
void give_pool(G& g, int spatial) {
  g.give("self", g(spatial == 2 ? "aten::avg_pool2d_backward" : "aten::avg_pool3d_backward", g.grad(), g.tensor("self"), g.arg("kernel_size"), g.arg("stride"),
                   g.arg("padding"), g.arg("ceil_mode"), g.arg("count_include_pad"), g.arg("divisor_override")));
}
template <class G>
void give_adaptive(G& g, int spatial) {
  g.give("self", g(spatial == 2 ? "aten::_adaptive_avg_pool2d_backward" : "aten::_adaptive_avg_pool3d_backward", g.grad(), g.tensor("self")));
}

#define PF_POOL(type, kind, spatial, text)                              \
  struct type {                                                         \
    static constexpr std::string_view schema = text;                    \
    static Error infer(const Args& a, std::span<TensorSpec> outs) {     \
      return infer_##kind(a, spatial, outs);                            \
    }                                                                   \
    static Error reference(const Args& a, std::span<TensorView> outs) { \
      return run_##kind(a, spatial, outs);                              \
    }                                                                   \
    template <class G>                                                  \
    static void gradient(G& g) {                                        \
      give_##kind(g, spatial);                                          \
    }                                                                   \
  };
#define PF_POOL_GRADIENT(type, kind, spatial, text)                     \
  struct type {                                                         \
    static constexpr std::string_view schema = text;                    \
    static Error infer(const Args& a, std::span<TensorSpec> outs) {     \
      return infer_##kind##_gradient(a, spatial, outs);                   \
    }                                                                   \
    static Error reference(const Args& a, std::span<TensorView> outs) { \
      return run_##kind##_gradient(a, spatial, outs);                   \
    }                                                                   \
    static size_t scratch(const Args& a) { return gradient_scratch(a, spatial); } \
  };
PF_POOL(
    AvgPool2d, pool, 2,
    "aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool "
    "ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor")
PF_POOL(
    AvgPool3d, pool, 3,
    "aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool "
    "ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor")
PF_POOL(AdaptiveAvgPool2dCore, adaptive, 2,
        "aten::_adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor")
PF_POOL(AdaptiveAvgPool3dCore, adaptive, 3,
        "aten::_adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor")
PF_POOL_GRADIENT(AvgPool2dBackward, pool, 2,
                 "aten::avg_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, "
                 "int[2] stride, int[2] padding, bool ceil_mode, bool count_include_pad, int? "
                 "divisor_override) -> Tensor")
PF_POOL_GRADIENT(AvgPool3dBackward, pool, 3,
                 "aten::avg_pool3d_backward(Tensor grad_output, Tensor self, int[3] kernel_size, "
                 "int[3] stride, int[3] padding, bool ceil_mode, bool count_include_pad, int? "
                 "divisor_override) -> Tensor")
PF_POOL_GRADIENT(AdaptiveAvgPool2dBackward, adaptive, 2,
                 "aten::_adaptive_avg_pool2d_backward(Tensor grad_output, Tensor self) -> Tensor")
PF_POOL_GRADIENT(AdaptiveAvgPool3dBackward, adaptive, 3,
                 "aten::_adaptive_avg_pool3d_backward(Tensor grad_output, Tensor self) -> Tensor")
#undef PF_POOL
#undef PF_POOL_GRADIENT

struct AvgPool1d {
  static constexpr std::string_view schema =
      "aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, bool "
      "ceil_mode=False, bool count_include_pad=True) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto y = g("aten::avg_pool2d", g("aten::unsqueeze", g.tensor("self"), -2),
               max_pool::widened(g, "kernel_size", 1), max_pool::widened(g, "stride", 1),
               max_pool::widened(g, "padding", 0), g.boolean("ceil_mode"),
               g.boolean("count_include_pad"));
    g.result(g("aten::squeeze.dim", y, -2));
  }
};

// A mean over everything is a reduction; other sizes are pooled.
template <class G>
void decompose_adaptive(G& g, size_t spatial, const char* core) {
  auto x = g.tensor("self");
  const auto sizes = g.ints("output_size");
  std::vector<int64_t> dims;
  bool all = sizes.size() == spatial;
  for (size_t d = 0; d < sizes.size(); ++d) all &= same(sizes[d], 1);
  for (size_t d = spatial; d > 0; --d) dims.push_back(-static_cast<int64_t>(d));
  g.result(all ? g("aten::mean.dim", x, dims, true) : g(core, x, sizes));
}
struct AdaptiveAvgPool1d {
  static constexpr std::string_view schema =
      "aten::adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto y = g("aten::adaptive_avg_pool2d", g("aten::unsqueeze", g.tensor("self"), -2),
               max_pool::widened(g, "output_size", 1));
    g.result(g("aten::squeeze.dim", y, -2));
  }
};
struct AdaptiveAvgPool2d {
  static constexpr std::string_view schema =
      "aten::adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    decompose_adaptive(g, 2, "aten::_adaptive_avg_pool2d");
  }
};
struct AdaptiveAvgPool3d {
  static constexpr std::string_view schema =
      "aten::adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    decompose_adaptive(g, 3, "aten::_adaptive_avg_pool3d");
  }
};

using Ops = OpList<AvgPool2d, AvgPool3d, AdaptiveAvgPool2dCore, AdaptiveAvgPool3dCore,
                   AvgPool2dBackward, AvgPool3dBackward, AdaptiveAvgPool2dBackward,
                   AdaptiveAvgPool3dBackward, AvgPool1d, AdaptiveAvgPool1d, AdaptiveAvgPool2d,
                   AdaptiveAvgPool3d>;

}  // namespace portfire::ops::avg_pool
