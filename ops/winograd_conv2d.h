// portfire::winograd_conv2d: what portfire::packed_conv2d computes for 3 x 3 kernels of stride 1, by minimal filtering
// F(m x m, 3 x 3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, section 4): tiles of
// (m + 2) x (m + 2) inputs d give m x m outputs
//   Y = A^T [ sum over channels of (G g G^T) * (B^T d B) ] A,
// with one product for each of the (m + 2)^2 places instead of 9 m^2. input: [n, h, w, c]. packed: [(m + 2)^2,
// ceil(channels / 32), c, 32], G g G^T of all filters, each place in the order of ops/panels.h. padding: top, left,
// bottom, right. bias, residual, activation: as packed_conv2d's, of activations "", "relu" and "clamp".
// A NaN or an infinity in the input reaches all outputs of its tiles.
#pragma once

#include "ops/op.h"

namespace portfire::ops::winograd_conv2d {

inline constexpr int kMaxTile = 6;  // m + 2

// One dimension of each transform, for m = 2 or 4: y[i * y_step] from x[j * x_step]. G takes 3 numbers to m + 2, B^T m + 2 to
// m + 2, A^T m + 2 to m.
void transform_weights(int m, const double* x, int64_t x_step, double* y, int64_t y_step);
void transform_input(int m, const double* x, int64_t x_step, double* y, int64_t y_step);
void transform_output(int m, const double* x, int64_t x_step, double* y, int64_t y_step);

struct WinogradConv2d {
  static constexpr std::string_view schema =
      "portfire::winograd_conv2d(Tensor input, Tensor packed, Tensor? bias, Tensor? residual, int channels, int m, int[4] padding, "
      "str activation, float low, float high) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<WinogradConv2d>;

}  // namespace portfire::ops::winograd_conv2d
