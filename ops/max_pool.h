// Pooling by maximum over windows of the last 1 to 3 dimensions. NaN counts as the largest. Indices
// count row-major through the last dimensions of the input.
#pragma once

#include "ops/op.h"
#include "ops/spatial.h"

namespace portfire::ops::max_pool {

// Outputs: values and, where there is a second one, indices. Arguments as in the schemas below.
Error infer_pool(const Args& a, int spatial, std::span<TensorSpec> outs);
Error run_pool(const Args& a, int spatial, std::span<TensorView> outs);
Error infer_adaptive(const Args& a, int spatial, std::span<TensorSpec> outs);
Error run_adaptive(const Args& a, int spatial, std::span<TensorView> outs);
// The window of max_poolNd, for its kernels too.
Error read_window(const Args& a, int spatial, Window* w);
Error infer_fractional(const Args& a, int spatial, std::span<TensorSpec> outs);
Error run_fractional(const Args& a, int spatial, std::span<TensorView> outs);

// The gradient goes to where each maximum came from.
template <class G>
void give_maxima(G& g, size_t spatial);

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
      give_maxima(g, spatial);                                          \
    }                                                                   \
  };
PF_POOL(MaxPool2d, pool, 2,
        "aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, "
        "int[2] dilation=1, bool ceil_mode=False) -> Tensor")
PF_POOL(MaxPool3d, pool, 3,
        "aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, "
        "int[3] dilation=1, bool ceil_mode=False) -> Tensor")
PF_POOL(MaxPool2dWithIndices, pool, 2,
        "aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] "
        "padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)")
PF_POOL(MaxPool3dWithIndices, pool, 3,
        "aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] "
        "padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)")
// Output o along a dimension covers floor(o * in / out) up to ceil((o + 1) * in / out).
PF_POOL(AdaptiveMaxPool2d, adaptive, 2,
        "aten::adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)")
PF_POOL(AdaptiveMaxPool3d, adaptive, 3,
        "aten::adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)")
// Window starts from one random number u for each image, channel and dimension:
// int((o + u) * alpha) - int(u * alpha), alpha = (in - kernel) / (out - 1); the last one ends the
// row.
PF_POOL(FractionalMaxPool2d, fractional, 2,
        "aten::fractional_max_pool2d(Tensor self, int[2] kernel_size, int[2] output_size, Tensor "
        "random_samples) -> (Tensor, Tensor)")
PF_POOL(FractionalMaxPool3d, fractional, 3,
        "aten::fractional_max_pool3d(Tensor self, int[3] kernel_size, int[3] output_size, Tensor "
        "random_samples) -> (Tensor, Tensor)")
#undef PF_POOL

// A list for one spatial dimension as one for two, the first of which does nothing.
template <class G>
std::vector<int64_t> widened(G& g, const char* name, int64_t idle) {
  std::vector<int64_t> list = g.known_ints(name);
  if (!list.empty()) list.insert(list.begin(), idle);
  return list;
}

template <class G>
auto pool_1d(G& g, const char* op) {
  auto x = g("aten::unsqueeze", g.tensor("self"), -2);
  return g.all(op, x, widened(g, "kernel_size", 1), widened(g, "stride", 1),
               widened(g, "padding", 0), widened(g, "dilation", 1), g.boolean("ceil_mode"));
}
struct MaxPool1d {
  static constexpr std::string_view schema =
      "aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, "
      "int[1] dilation=1, bool ceil_mode=False) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::squeeze.dim", pool_1d(g, "aten::max_pool2d")[0], -2));
  }
};
struct MaxPool1dWithIndices {
  static constexpr std::string_view schema =
      "aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] "
      "padding=0, int[1] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto both = pool_1d(g, "aten::max_pool2d_with_indices");
    g.results({g("aten::squeeze.dim", both[0], -2), g("aten::squeeze.dim", both[1], -2)});
  }
};
struct AdaptiveMaxPool1d {
  static constexpr std::string_view schema =
      "aten::adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto both = g.all("aten::adaptive_max_pool2d", g("aten::unsqueeze", g.tensor("self"), -2),
                      widened(g, "output_size", 1));
    g.results({g("aten::squeeze.dim", both[0], -2), g("aten::squeeze.dim", both[1], -2)});
  }
};

// `values` put where `indices` say in zeros whose last dimensions are those of `sizes`; where
// several meet, `add` sums them.
template <class G, class T, class Sizes>
T scatter(G& g, T values, T indices, size_t spatial, Sizes sizes, bool add) {
  auto flat = [&](const Sizes& full) {
    Sizes out(full.begin(), full.end() - static_cast<int64_t>(spatial));
    auto area = full.back();
    for (size_t d = 2; d <= spatial; ++d) area = area * full[full.size() - d];
    out.push_back(area);
    return out;
  };
  const Sizes from = flat(g.sizes(values));
  auto zeros = g.full(flat(sizes), 0, values.dtype());
  auto out = g(add ? "aten::scatter_add" : "aten::scatter.src", zeros, -1,
               g.reshape(indices, from), g.reshape(values, from));
  return g.reshape(out, sizes);
}

template <class G>
void give_maxima(G& g, size_t spatial) {
  auto x = g.tensor("self");
  auto indices = g.value_count() > 1 ? g.value(1)
                                     : g.all(spatial == 2 ? "aten::max_pool2d_with_indices" : "aten::max_pool3d_with_indices", x, g.arg("kernel_size"), g.arg("stride"),
                                             g.arg("padding"), g.arg("dilation"), g.arg("ceil_mode"))[1];
  g.give("self", scatter(g, g.grad(), indices, spatial, g.sizes(x), true));
}

// The gradient goes to where each maximum came from.
template <class G>
void decompose_backward(G& g, size_t spatial) {
  g.result(scatter(g, g.tensor("grad_output"), g.tensor("indices"), spatial,
                   g.sizes(g.tensor("self")), true));
}
template <class G>
void decompose_unpool(G& g, size_t spatial) {
  auto x = g.tensor("self");
  auto sizes = g.sizes(x);
  const auto last = g.ints("output_size");
  for (size_t d = 0; d < spatial; ++d) sizes[sizes.size() - spatial + d] = last[d];
  g.result(scatter(g, x, g.tensor("indices"), spatial, sizes, false));
}
#define PF_SCATTERED(type, body, spatial, text)      \
  struct type {                                      \
    static constexpr std::string_view schema = text; \
    template <class G>                               \
    static void decompose(G& g) {                    \
      body(g, spatial);                              \
    }                                                \
  };
PF_SCATTERED(MaxPool2dBackward, decompose_backward, 2,
             "aten::max_pool2d_with_indices_backward(Tensor grad_output, Tensor self, int[2] "
             "kernel_size, int[2] stride, int[2] padding, int[2] dilation, bool ceil_mode, Tensor "
             "indices) -> Tensor")
PF_SCATTERED(MaxPool3dBackward, decompose_backward, 3,
             "aten::max_pool3d_with_indices_backward(Tensor grad_output, Tensor self, int[3] "
             "kernel_size, int[3] stride, int[3] padding, int[3] dilation, bool ceil_mode, Tensor "
             "indices) -> Tensor")
PF_SCATTERED(AdaptiveMaxPool2dBackward, decompose_backward, 2,
             "aten::adaptive_max_pool2d_backward(Tensor grad_output, Tensor self, Tensor indices) "
             "-> Tensor")
PF_SCATTERED(AdaptiveMaxPool3dBackward, decompose_backward, 3,
             "aten::adaptive_max_pool3d_backward(Tensor grad_output, Tensor self, Tensor indices) "
             "-> Tensor")
PF_SCATTERED(FractionalMaxPool2dBackward, decompose_backward, 2,
             "aten::fractional_max_pool2d_backward(Tensor grad_output, Tensor self, int[2] "
             "kernel_size, int[2] output_size, Tensor indices) -> Tensor")
PF_SCATTERED(FractionalMaxPool3dBackward, decompose_backward, 3,
             "aten::fractional_max_pool3d_backward(Tensor grad_output, Tensor self, int[3] "
             "kernel_size, int[3] output_size, Tensor indices) -> Tensor")
PF_SCATTERED(MaxUnpool2d, decompose_unpool, 2,
             "aten::max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor")
PF_SCATTERED(
    MaxUnpool3d, decompose_unpool, 3,
    "aten::max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, "
    "int[3] padding) -> Tensor")
#undef PF_SCATTERED

using Ops = OpList<MaxPool2d, MaxPool3d, MaxPool2dWithIndices, MaxPool3dWithIndices,
                   AdaptiveMaxPool2d, AdaptiveMaxPool3d, FractionalMaxPool2d, FractionalMaxPool3d,
                   MaxPool1d, MaxPool1dWithIndices, AdaptiveMaxPool1d, MaxPool2dBackward,
                   MaxPool3dBackward, AdaptiveMaxPool2dBackward, AdaptiveMaxPool3dBackward,
                   FractionalMaxPool2dBackward, FractionalMaxPool3dBackward, MaxUnpool2d,
                   MaxUnpool3d>;

}  // namespace portfire::ops::max_pool
