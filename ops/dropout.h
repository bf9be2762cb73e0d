// aten::dropout and its kin: elements (or whole channels) dropped with probability p, the others scaled
// by 1 / (1 - p). Without training they are the identity.
#pragma once

#include "ops/op.h"

namespace portfire::ops::dropout {

// y = mask x / (1 - p), and the mask
template <class G>
std::vector<typename G::Tensor> drop(G& g, typename G::Tensor x, const std::vector<typename G::Int>& sizes, double p) {
  if (p == 1) return {g.full(g.sizes(x), 0, x.dtype()), g.full(sizes, false, DType::boolean)};
  auto kept = g("aten::ge.Scalar", g("aten::rand", sizes, DType::f32), p);
  return {x * kept * (1 / (1 - p)), kept};
}
// Noise in [N, C, 1, ..]: a channel goes as a whole.
template <class G>
std::vector<typename G::Int> channels(G& g, typename G::Tensor x) {
  auto sizes = g.sizes(x);
  for (int d = 2; d < x.rank(); ++d) sizes[d] = 1;
  return sizes;
}
// Keeps mean and variance for inputs of self-normalising networks (Klambauer et al. 2017, section 2):
// what is dropped becomes alpha' = -lambda alpha, then y = a x + b.
template <class G>
typename G::Tensor alpha_drop(G& g, typename G::Tensor x, const std::vector<typename G::Int>& sizes, double p) {
  if (p == 1) return g.full(g.sizes(x), 0, x.dtype());
  constexpr double kAlpha = 1.7580993408473766;
  auto root = g("aten::rsqrt", g.scalar_tensor((kAlpha * kAlpha * p + 1) * (1 - p), DType::f64));
  auto kept = g("aten::ge.Scalar", g("aten::rand", sizes, DType::f32), p);
  auto a = g.cast(root, x.dtype());
  auto low = g.scalar_tensor(-kAlpha, x.dtype());
  return g.where(kept, x, low) * a + a * (kAlpha * p);
}

struct NativeDropout {
  static constexpr std::string_view schema =
      "aten::native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)";
  template <class G>
  static void decompose(G& g) {
    auto x = g.tensor("input");
    // None means training, as in PyTorch.
    if (g.boolean("train", true) && g.real("p") > 0) return g.results(drop(g, x, g.sizes(x), g.real("p")));
    g.results({g("aten::clone", x), g.full(g.sizes(x), true, DType::boolean)});
  }
};
struct NativeDropoutBackward {
  static constexpr std::string_view schema =
      "aten::native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g.tensor("grad_output") * g.tensor("mask") * g.real("scale"));
  }
};

#define PF_DROPOUT(type, name, training)                                                                 \
  struct type {                                                                                          \
    static constexpr std::string_view schema = "aten::" name "(Tensor input, float p, bool train) -> Tensor"; \
    template <class G>                                                                                   \
    static void decompose(G& g) {                                                                        \
      auto x = g.tensor("input");                                                                        \
      const double p = g.real("p");                                                                      \
      if (p < 0 || p > 1) g.reject("p = " + std::to_string(p) + " (expected 0 to 1)");                   \
      g.result(g.boolean("train") && p > 0 ? training : x);                                              \
    }                                                                                                    \
  };
PF_DROPOUT(Dropout, "dropout", drop(g, x, g.sizes(x), p)[0])
PF_DROPOUT(FeatureDropout, "feature_dropout", drop(g, x, channels(g, x), p)[0])
PF_DROPOUT(AlphaDropout, "alpha_dropout", alpha_drop(g, x, g.sizes(x), p))
PF_DROPOUT(FeatureAlphaDropout, "feature_alpha_dropout", alpha_drop(g, x, channels(g, x), p))
#undef PF_DROPOUT

using Ops = OpList<NativeDropout, NativeDropoutBackward, Dropout, FeatureDropout, AlphaDropout, FeatureAlphaDropout>;

}  // namespace portfire::ops::dropout
