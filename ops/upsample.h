// Resampling of the last 1 to 3 dimensions to given sizes. Each output is a sum of inputs weighted
// along each dimension on its own; with s = in / out (or 1 / scale; aligned corners: (in - 1) /
// (out - 1)), the source of output o lies at c = (o + 1/2) s - 1/2 (aligned: o s):
//   nearest        floor(o s);  nearest_exact: floor((o + 1/2) s)
//   linear         between the two neighbours of max(c, 0)
//   cubic          four neighbours, Keys' kernel with a = -3/4
//   antialiased    all inputs within s times the kernel's reach, at least the reach; cubic: a =
//   -1/2
// Gradients go back along the same weights.
#pragma once

#include "ops/op.h"
#include "ops/spatial.h"

namespace portfire::ops::upsample {

enum class Filter : uint8_t { nearest, nearest_exact, linear, cubic, linear_aa, cubic_aa };

// One dimension: output o is the sum of weight[o * taps + t] * input[index[o * taps + t]].
struct Axis {
  int64_t in = 1, out = 1, taps = 1;
  double step = 1;  // inputs for each output
  bool aligned = false;
  bool kept = false;  // sizes are equal and it passes as it is, whatever the scale factor
  int64_t* index = nullptr;
  double* weight = nullptr;
};
struct Plan {
  Axis axes[kVolumeDims];
  size_t bytes() const {
    size_t n = 0;
    for (const Axis& a : axes) n += static_cast<size_t>(a.out * a.taps) * (sizeof(int64_t) + sizeof(double));
    return n;
  }
};
Plan plan_of_input(const Args& a, Filter f, int spatial);
// Lays the tables out in `memory` and fills them; gives what lies behind them.
std::byte* fill_tables(Plan& p, Filter f, DType dtype, std::byte* memory);

Error infer_resample(const Args& a, int spatial, std::span<TensorSpec> outs);
Error infer_gradient(const Args& a, int spatial, std::span<TensorSpec> outs);
Error run_resample(const Args& a, Filter f, int spatial, std::span<TensorView> outs);
Error run_gradient(const Args& a, Filter f, int spatial, std::span<TensorView> outs);
size_t resample_scratch(const Args& a, Filter f, int spatial);
size_t gradient_scratch(const Args& a, Filter f, int spatial);

#define PF_RESAMPLE(type, kind, filter, spatial, text, ...)             \
  struct type {                                                         \
    static constexpr std::string_view schema = text;                    \
    static Error infer(const Args& a, std::span<TensorSpec> outs) {     \
      return infer_##kind(a, spatial, outs);                            \
    }                                                                   \
    static Error reference(const Args& a, std::span<TensorView> outs) { \
      return run_##kind(a, Filter::filter, spatial, outs);              \
    }                                                                   \
    static size_t scratch(const Args& a) {                              \
      return kind##_scratch(a, Filter::filter, spatial);                \
    }                                                                   \
    __VA_ARGS__                                                         \
  };

template <class G>
void give_resampled(G& g, const char* backward) {
  auto x = g.tensor("self");
  std::vector args{g.to_arg(g.grad()), g.arg("output_size"), g.to_arg(g.sizes(x))};
  for (const auto& a : g.args_from(2)) args.push_back(a);
  g.give("self", g.one(backward, args));
}
#define PF_GIVE_RESAMPLED(name)                     \
  template <class G>                                \
  static void gradient(G& g) {                      \
    give_resampled(g, "aten::" name "_backward");   \
  }

// `.vec` takes sizes or factors for each dimension.
template <class G>
void decompose_vec(G& g, const char* op, size_t spatial, bool has_align_corners) {
  auto x = g.tensor("input");
  auto sizes = g.ints("output_size");
  const auto factors = g.reals("scale_factors");
  if (sizes.empty() == factors.empty()) g.reject("expected either output_size or scale_factors");
  if ((sizes.empty() ? factors.size() : sizes.size()) != spatial)
    g.reject("expected a size or factor for each spatial dimension");
  for (size_t d = 0; d < factors.size(); ++d)
    sizes.push_back(g.scaled(g.size(x, x.rank() - static_cast<int>(spatial - d)), factors[d]));
  auto args = std::vector{g.to_arg(x), g.to_arg(sizes)};
  if (has_align_corners) args.push_back(g.to_arg(g.boolean("align_corners")));
  for (double f : factors) args.push_back(g.to_arg(f));
  g.result(g.one(op, args));
}
#define PF_VEC(type, op, spatial, has_align_corners, text)  \
  struct type {                                             \
    static constexpr std::string_view schema = text;        \
    template <class G>                                      \
    static void decompose(G& g) {                           \
      decompose_vec(g, op, spatial, has_align_corners);     \
    }                                                       \
  };

// A family without and with aligned corners: the operator, its `.vec` and its gradient.
// `size` and `in` are the lengths of the lists, `scales` the last parameters.
#define PF_NEAREST(type, name, filter, spatial, size, in, scales)                                \
  PF_RESAMPLE(type, resample, filter, spatial,                                                   \
              "aten::" name "(Tensor self, SymInt[" size "] output_size, " scales ") -> Tensor", \
              PF_GIVE_RESAMPLED(name))                                                           \
  PF_RESAMPLE(type##Backward, gradient, filter, spatial,                                         \
              "aten::" name "_backward(Tensor grad_output, SymInt[" size                         \
              "] output_size, SymInt[" in "] input_size, " scales ") -> Tensor")                 \
  PF_VEC(type##Vec, "aten::" name, spatial, false,                                               \
         "aten::" name                                                                           \
         ".vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor")
#define PF_SMOOTH(type, name, filter, spatial, size, in, scales)                                   \
  PF_RESAMPLE(type, resample, filter, spatial,                                                     \
              "aten::" name "(Tensor self, SymInt[" size "] output_size, bool align_corners, "     \
              scales ") -> Tensor",                                                                \
              PF_GIVE_RESAMPLED(name))                                                             \
  PF_RESAMPLE(type##Backward, gradient, filter, spatial,                                           \
              "aten::" name "_backward(Tensor grad_output, SymInt[" size "] output_size, SymInt["  \
              in "] input_size, bool align_corners, " scales ") -> Tensor")                        \
  PF_VEC(type##Vec, "aten::" name, spatial, true,                                                  \
         "aten::" name ".vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? "   \
         "scale_factors) -> Tensor")

#define PF_SCALES_1D "float? scales=None"
#define PF_SCALES_2D "float? scales_h=None, float? scales_w=None"
#define PF_SCALES_3D "float? scales_d=None, float? scales_h=None, float? scales_w=None"
PF_NEAREST(Nearest1d, "upsample_nearest1d", nearest, 1, "1", "3", PF_SCALES_1D)
PF_NEAREST(Nearest2d, "upsample_nearest2d", nearest, 2, "2", "4", PF_SCALES_2D)
PF_NEAREST(Nearest3d, "upsample_nearest3d", nearest, 3, "3", "5", PF_SCALES_3D)
PF_NEAREST(NearestExact1d, "_upsample_nearest_exact1d", nearest_exact, 1, "1", "3", PF_SCALES_1D)
PF_NEAREST(NearestExact2d, "_upsample_nearest_exact2d", nearest_exact, 2, "2", "4", PF_SCALES_2D)
PF_NEAREST(NearestExact3d, "_upsample_nearest_exact3d", nearest_exact, 3, "3", "5", PF_SCALES_3D)
PF_SMOOTH(Linear1d, "upsample_linear1d", linear, 1, "1", "3", PF_SCALES_1D)
PF_SMOOTH(Bilinear2d, "upsample_bilinear2d", linear, 2, "2", "4", PF_SCALES_2D)
PF_SMOOTH(Trilinear3d, "upsample_trilinear3d", linear, 3, "3", "5", PF_SCALES_3D)
PF_SMOOTH(Bicubic2d, "upsample_bicubic2d", cubic, 2, "2", "4", PF_SCALES_2D)
PF_SMOOTH(Bilinear2dAa, "_upsample_bilinear2d_aa", linear_aa, 2, "2", "4", PF_SCALES_2D)
PF_SMOOTH(Bicubic2dAa, "_upsample_bicubic2d_aa", cubic_aa, 2, "2", "4", PF_SCALES_2D)
#undef PF_RESAMPLE
#undef PF_GIVE_RESAMPLED
#undef PF_VEC
#undef PF_NEAREST
#undef PF_SMOOTH

using Ops = OpList<
    Nearest1d, Nearest2d, Nearest3d, NearestExact1d, NearestExact2d, NearestExact3d, Linear1d,
    Bilinear2d, Trilinear3d, Bicubic2d, Bilinear2dAa, Bicubic2dAa, Nearest1dBackward,
    Nearest2dBackward, Nearest3dBackward, NearestExact1dBackward, NearestExact2dBackward,
    NearestExact3dBackward, Linear1dBackward, Bilinear2dBackward, Trilinear3dBackward,
    Bicubic2dBackward, Bilinear2dAaBackward, Bicubic2dAaBackward, Nearest1dVec, Nearest2dVec,
    Nearest3dVec, NearestExact1dVec, NearestExact2dVec, NearestExact3dVec, Linear1dVec,
    Bilinear2dVec, Trilinear3dVec, Bicubic2dVec, Bilinear2dAaVec, Bicubic2dAaVec>;

}  // namespace portfire::ops::upsample
