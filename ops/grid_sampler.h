// aten::grid_sampler: y[n,c,p] = x[n,c] at the coordinates grid[n,p] (x first), which run from -1
// to 1 over the input: over its corner pixels' centres (align_corners) or their outer edges.
//   interpolation_mode: 0 linear, 1 nearest, 2 cubic (two dimensions only; Keys, a = -3/4)
//   padding_mode, what lies outside: 0 zeros, 1 the border, 2 the reflection
// aten::affine_grid_generator: the grid of the affine map theta [N,2,3] or [N,3,4].
#pragma once

#include <string>

#include "ops/gradients.h"
#include "ops/op.h"

namespace portfire::ops::grid_sampler {

Error infer_sampler(const Args& a, int spatial, std::span<TensorSpec> outs);
Error run_sampler(const Args& a, int spatial, std::span<TensorView> outs);
// Gradients: arguments start with grad_output.
Error infer_gradient(const Args& a, int spatial, std::span<TensorSpec> outs);
Error run_gradient(const Args& a, int spatial, std::span<TensorView> outs);

template <class G>
void give_sampled(G& g, const char* backward) {
  auto all = g.all(backward, g.grad(), g.tensor("input"), g.tensor("grid"), g.arg("interpolation_mode"), g.arg("padding_mode"), g.arg("align_corners"),
                   mask_of(g, {"input", "grid"}));
  if (g.wants("input")) g.give("input", all[0]);
  if (g.wants("grid")) g.give("grid", all[1]);
}

struct GridSampler2d {
  static constexpr std::string_view schema =
      "aten::grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, "
      "bool align_corners) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    return infer_sampler(a, 2, outs);
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    return run_sampler(a, 2, outs);
  }
  template <class G>
  static void gradient(G& g) {
    give_sampled(g, "aten::grid_sampler_2d_backward");
  }
};

struct GridSampler3d {
  static constexpr std::string_view schema =
      "aten::grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, "
      "bool align_corners) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs) {
    return infer_sampler(a, 3, outs);
  }
  static Error reference(const Args& a, std::span<TensorView> outs) {
    return run_sampler(a, 3, outs);
  }
  template <class G>
  static void gradient(G& g) {
    give_sampled(g, "aten::grid_sampler_3d_backward");
  }
};

// Gradients of the input and the grid. What output_mask leaves out is not computed: it has size 0.
#define PF_GRADIENT(type, name, spatial)                                                                        \
  struct type {                                                                                                 \
    static constexpr std::string_view schema =                                                                  \
        "aten::" name "(Tensor grad_output, Tensor input, Tensor grid, int interpolation_mode, int "            \
        "padding_mode, bool align_corners, bool[2] output_mask) -> (Tensor, Tensor)";                           \
    static Error infer(const Args& a, std::span<TensorSpec> outs) { return infer_gradient(a, spatial, outs); }  \
    static Error reference(const Args& a, std::span<TensorView> outs) { return run_gradient(a, spatial, outs); } \
  };
PF_GRADIENT(GridSampler2dBackward, "grid_sampler_2d_backward", 2)
PF_GRADIENT(GridSampler3dBackward, "grid_sampler_3d_backward", 3)
#undef PF_GRADIENT

struct GridSampler {
  static constexpr std::string_view schema =
      "aten::grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, "
      "bool "
      "align_corners) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.forward(g.tensor("input").rank() == 5 ? "aten::grid_sampler_3d" : "aten::grid_sampler_2d");
  }
};

struct CpuFallback {
  static constexpr std::string_view schema =
      "aten::_grid_sampler_2d_cpu_fallback(Tensor input, Tensor grid, int interpolation_mode, int "
      "padding_mode, bool align_corners) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.forward("aten::grid_sampler_2d");
  }
};

// grid[n,p,i] = sum over j of theta[n,i,j] * base[p,j] + theta[n,i,last], where base holds the
// coordinates of pixel p: (2 k - (size - 1)) / (size - 1), aligned corners, or / size.
struct AffineGridGenerator {
  static constexpr std::string_view schema =
      "aten::affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto theta = g.tensor("theta");
    const auto size = g.ints("size");  // N, C, then D?, H, W
    const int dims = static_cast<int>(size.size()) - 2;
    if (dims != 2 && dims != 3) g.reject("size of " + std::to_string(size.size()) + " items");
    const DType t = theta.dtype() == DType::f64 ? DType::f64 : DType::f32;
    // Column j of theta, as [N,1,...,1,dims].
    auto column = [&](int j) {
      auto c = g("aten::select.int", g.cast(theta, t), 2, j);
      for (int d = 0; d < dims; ++d) c = g("aten::unsqueeze", c, 1);
      return c;
    };
    auto grid = column(dims);
    for (int j = 0; j < dims; ++j) {
      const auto n = size[static_cast<size_t>(dims + 1 - j)];  // x is the last dimension
      auto k = g("aten::arange", n, t);
      auto step = g.scalar_tensor(g.boolean("align_corners") ? max(n - 1, 1) : n, t);
      auto base = (k * 2 - g.scalar_tensor(n - 1, t)) / step;
      // base over dimension dims - j of [N, sizes, dims].
      for (int d = 0; d < j + 1; ++d) base = g("aten::unsqueeze", base, -1);
      grid = grid + base * column(j);
    }
    g.result(g.cast(grid, theta.dtype()));
  }
};

using Ops = OpList<GridSampler2d, GridSampler3d, GridSampler2dBackward, GridSampler3dBackward, GridSampler, CpuFallback, AffineGridGenerator>;

}  // namespace portfire::ops::grid_sampler
