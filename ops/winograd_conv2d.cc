#include "ops/winograd_conv2d.h"

#include "ops/element.h"

namespace portfire::ops::winograd_conv2d {
namespace {

constexpr int64_t kPanel = 32, kMostPadding = 2;

using Row = double[kMaxTile];
constexpr Row kG2[] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
constexpr Row kB2[] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
constexpr Row kA2[] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
constexpr Row kG4[] = {{1. / 4, 0, 0}, {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6}, {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}};
constexpr Row kB4[] = {{4, 0, -5, 0, 1, 0}, {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0}, {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
constexpr Row kA4[] = {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};

void multiply(const Row* matrix, int rows, int columns, const double* x, int64_t x_step, double* y, int64_t y_step) {
  for (int i = 0; i < rows; ++i) {
    double sum = 0;
    for (int j = 0; j < columns; ++j)
      if (matrix[i][j] != 0) sum += matrix[i][j] * x[j * x_step];
    y[i * y_step] = sum;
  }
}

}  // namespace

void transform_weights(int m, const double* x, int64_t x_step, double* y, int64_t y_step) {
  multiply(m == 2 ? kG2 : kG4, m + 2, 3, x, x_step, y, y_step);
}
void transform_input(int m, const double* x, int64_t x_step, double* y, int64_t y_step) {
  multiply(m == 2 ? kB2 : kB4, m + 2, m + 2, x, x_step, y, y_step);
}
void transform_output(int m, const double* x, int64_t x_step, double* y, int64_t y_step) {
  multiply(m == 2 ? kA2 : kA4, m, m + 2, x, x_step, y, y_step);
}

Error WinogradConv2d::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &packed = a.tensor(1);
  const int64_t channels = a.integer(4), m = a.integer(5);
  const auto padding = a.ints(6);
  if (x.rank() != 4 || x.dtype != DType::f32) return Error::make(Code::bad_argument, "input %s (expected f32 of rank 4)", TypeText(x).c_str());
  if ((m != 2 && m != 4) || padding.size() != 4)
    return Error::make(Code::bad_argument, "tiles of %lld, %zu paddings (expected 2 or 4, and 4)", static_cast<long long>(m), padding.size());
  for (int64_t p : padding)
    if (p < 0 || p > kMostPadding) return Error::make(Code::bad_argument, "padding %lld (expected 0 to 2)", static_cast<long long>(p));
  const int64_t h = x.size(1) + padding[0] + padding[2] - 2, w = x.size(2) + padding[1] + padding[3] - 2;
  if (h < 1 || w < 1) return Error::make(Code::bad_argument, "window is larger than the padded input %s", TypeText(x).c_str());
  if (channels < 1 || packed.rank() != 4 || packed.dtype != DType::f32 || !packed.is_contiguous() || packed.size(0) != (m + 2) * (m + 2) ||
      packed.size(1) != (channels + kPanel - 1) / kPanel || packed.size(2) != x.size(3) || packed.size(3) != kPanel)
    return Error::make(Code::bad_argument, "packed weights %s do not fit input %s", TypeText(packed).c_str(), TypeText(x).c_str());
  outs[0].dtype = DType::f32;
  outs[0].shape = Shape();
  for (int64_t s : {x.size(0), h, w, channels}) outs[0].shape.push(s);
  if (const TensorView* b = a.optional_tensor(2); b && (b->rank() != 1 || b->size(0) != channels || b->dtype != DType::f32 || !b->is_contiguous()))
    return Error::make(Code::bad_argument, "bias %s (expected f32[%lld])", TypeText(*b).c_str(), static_cast<long long>(channels));
  if (const TensorView* r = a.optional_tensor(3); r && (!(r->shape == outs[0].shape) || r->dtype != DType::f32))
    return Error::make(Code::bad_argument, "residual %s (expected %s)", TypeText(*r).c_str(), TypeText(DType::f32, outs[0].shape).c_str());
  const std::string_view activation = a.string(7);
  if (!activation.empty() && activation != "relu" && activation != "clamp")
    return Error::make(Code::bad_argument, "activation (expected none, relu or clamp)");
  return {};
}

Error WinogradConv2d::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &packed = a.tensor(1), *bias = a.optional_tensor(2), *residual = a.optional_tensor(3), &y = outs[0];
  const int m = static_cast<int>(a.integer(5)), n = m + 2;
  const auto padding = a.ints(6);
  const std::string_view activation = a.string(7);
  const int64_t c = x.size(3), panels = packed.size(1);
  Shape tiles;  // images, rows and columns of tiles, output channels
  for (int64_t s : {y.size(0), (y.size(1) + m - 1) / m, (y.size(2) + m - 1) / m, y.size(3)}) tiles.push(y.numel() ? s : 0);
  for (Index at(tiles); at.valid(); at.next()) {
    double sums[kMaxTile * kMaxTile] = {}, half[kMaxTile * kMaxTile], whole[kMaxTile * kMaxTile];
    const float* weights = packed.as<float>() + at[3] / kPanel * c * kPanel + at[3] % kPanel;
    for (int64_t k = 0; k < c; ++k) {
      for (int i = 0; i < n * n; ++i) {
        const int64_t h = at[1] * m - padding[0] + i / n, w = at[2] * m - padding[1] + i % n;
        const bool inside = h >= 0 && h < x.size(1) && w >= 0 && w < x.size(2);
        half[i] = inside ? load_real(x, at[0] * x.strides[0] + h * x.strides[1] + w * x.strides[2] + k * x.strides[3]) : 0;
      }
      for (int j = 0; j < n; ++j) transform_input(m, half + j, n, whole + j, n);
      for (int i = 0; i < n; ++i) transform_input(m, whole + i * n, 1, half + i * n, 1);
      for (int i = 0; i < n * n; ++i) sums[i] += half[i] * weights[(i * panels * c + k) * kPanel];
    }
    for (int j = 0; j < n; ++j) transform_output(m, sums + j, n, half + j, n);
    for (int i = 0; i < m; ++i) transform_output(m, half + i * n, 1, whole + i * n, 1);
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < m; ++j) {
        const int64_t h = at[1] * m + i, w = at[2] * m + j;
        if (h >= y.size(1) || w >= y.size(2)) continue;
        auto offset = [&](const TensorView& t) { return at[0] * t.strides[0] + h * t.strides[1] + w * t.strides[2] + at[3] * t.strides[3]; };
        double v = whole[i * n + j] + (bias ? bias->as<float>()[at[3]] : 0) + (residual ? load_real(*residual, offset(*residual)) : 0);
        const double low = activation == "relu" ? 0 : a.real(8);  // a NaN stays
        if (!activation.empty() && v < low) v = low;
        if (activation == "clamp" && v > a.real(9)) v = a.real(9);
        store_real(y, offset(y), v);
      }
  }
  return {};
}

}  // namespace portfire::ops::winograd_conv2d
