#include "compiler/passes/winograd.h"

#include <vector>

#include "ops/panels.h"
#include "ops/winograd_conv2d.h"

namespace portfire::passes {
namespace {

namespace winograd = ops::winograd_conv2d;
using ops::kPanel;

// Costs in multiply-adds of a matrix product: a byte of weights, read from memory or the outer caches; a number at a place
// of a tile, transformed, stored and read again. From measurements on AVX2; other machines are not far from it.
constexpr double kWeightByte = 4, kTransform = 20;
// How much faster a direct convolution is in bf16, with its input to be rounded; minimal filtering stays in f32.
constexpr double kBf16 = 1.75;
// What is not in this model must not decide.
constexpr double kMargin = 0.85;
constexpr int64_t kFewChannels = 16;

}  // namespace

int64_t winograd_tile(int64_t images, int64_t height, int64_t width, int64_t ins, int64_t outs, Precision precision) {
  if (ins < kFewChannels || outs < kFewChannels) return 0;
  const double filters = static_cast<double>(ins) * static_cast<double>(outs);
  auto cost = [&](double products, double places) { return products * filters + places * filters * sizeof(float) * kWeightByte; };
  double least = kMargin * cost(9.0 * static_cast<double>(images * height * width), 9) / (precision == Precision::bf16 ? kBf16 : 1);
  int64_t best = 0;
  for (const int64_t m : {2, 4}) {
    const auto tiles = static_cast<double>(images * ((height + m - 1) / m) * ((width + m - 1) / m)), places = static_cast<double>((m + 2) * (m + 2));
    const double all = cost(tiles * places, places) + tiles * places * static_cast<double>(ins + outs) * kTransform;
    if (all < least) {
      least = all;
      best = m;
    }
  }
  return best;
}

ir::Tensor pack_winograd(ir::Builder& b, const float* w, const float* scale, int64_t outs, int64_t ins, int m) {
  const int n = m + 2;
  const int64_t panels = (outs + kPanel - 1) / kPanel, place = panels * ins * kPanel;
  std::vector<float> data(static_cast<size_t>(n * n * place));
  for (int64_t o = 0; o < outs; ++o)
    for (int64_t i = 0; i < ins; ++i) {
      double g[9], half[3 * winograd::kMaxTile], whole[winograd::kMaxTile * winograd::kMaxTile];
      for (int t = 0; t < 9; ++t) g[t] = static_cast<double>(w[(o * ins + i) * 9 + t]) * (scale ? scale[o] : 1);
      for (int j = 0; j < 3; ++j) winograd::transform_weights(m, g + j, 3, half + j, 3);
      for (int k = 0; k < n; ++k) winograd::transform_weights(m, half + k * 3, 1, whole + k * n, 1);
      float* to = data.data() + (o / kPanel * ins + i) * kPanel + o % kPanel;
      for (int t = 0; t < n * n; ++t) to[t * place] = static_cast<float>(whole[t]);
    }
  return b.constant(DType::f32, {n * n, panels, ins, kPanel}, data.data());
}

}  // namespace portfire::passes
