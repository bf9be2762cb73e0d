#include "ops/linear_qd8.h"

#include "ops/conv2d_qs8.h"
#include "ops/element.h"
#include "ops/requantize.h"

namespace portfire::ops::linear_qd8 {
namespace {

constexpr size_t kWindow = 4, kGroups = 8;

bool is_vector(const TensorView& t, DType dtype, int64_t n) { return t.dtype == dtype && t.rank() == 1 && t.size(0) == n && t.is_contiguous(); }

int32_t weight_at(const TensorView& w, int64_t n, int64_t k) {
  if (w.dtype == DType::i8) return w.as<int8_t>()[n * w.strides[0] + k * w.strides[1]];
  const uint8_t both = w.as<uint8_t>()[n * w.strides[0] + k / 2 * w.strides[1]];
  return static_cast<int32_t>(k % 2 ? both >> 4 : both & 15) - 8;
}

}  // namespace

Error LinearQd8::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1), &scales = a.tensor(3), *bias = a.optional_tensor(2);
  const int64_t k = x.rank() < 1 ? 0 : x.size(x.rank() - 1);
  const bool fits = x.dtype == DType::f32 && x.rank() >= 1 && w.rank() == 2 &&
                    ((w.dtype == DType::i8 && w.size(1) == k) || (w.dtype == DType::u8 && w.size(1) == k / 2 + k % 2));
  if (!fits) return Error::make(Code::bad_argument, "weight %s does not fit input %s", TypeText(w).c_str(), TypeText(x).c_str());
  const int64_t n = w.size(0);
  const bool scaled = (scales.dtype == DType::f32 || scales.dtype == DType::bf16) && scales.rank() >= 1 && scales.rank() <= 2 && scales.size(0) == n &&
                      scales.is_contiguous() && (scales.rank() == 1 || (scales.size(1) > 0 && k % scales.size(1) == 0));
  if (!scaled) return Error::make(Code::bad_argument, "scales %s for weight %s", TypeText(scales).c_str(), TypeText(w).c_str());
  if (bias && !is_vector(*bias, DType::f32, n)) return Error::make(Code::bad_argument, "bias %s (expected f32[%lld])", TypeText(*bias).c_str(), static_cast<long long>(n));
  outs[0] = {DType::f32, x.shape};
  outs[0].shape.sizes[x.rank() - 1] = n;
  return {};
}

Error LinearQd8::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1), &scales = a.tensor(3), *bias = a.optional_tensor(2);
  const int last = x.rank() - 1;
  const int64_t k = x.size(last), groups = scales.rank() == 2 ? scales.size(1) : 1, group = k / groups;
  for (Index at(outs[0].shape); at.valid(); at.next()) {
    int64_t from = 0;
    for (int d = 0; d < last; ++d) from += at[d] * x.strides[d];
    const auto element = [&](int64_t i) { return x.as<float>()[from + i * x.strides[last]]; };
    float least = 0, most = 0;
    for (int64_t i = 0; i < k; ++i) {
      least = std::min(least, element(i));
      most = std::max(most, element(i));
    }
    const DynamicScale row = DynamicScale::of(least, most);
    double sum = 0;
    for (int64_t g = 0; g < groups; ++g) {
      int64_t products = 0;
      for (int64_t i = g * group; i < (g + 1) * group; ++i) products += (row(element(i)) - row.zero) * weight_at(w, at[last], i);
      sum += static_cast<double>(products) * load_real(scales, at[last] * groups + g);
    }
    store_real(outs[0], at.offset(outs[0]), sum * static_cast<double>(row.scale) + (bias ? static_cast<double>(bias->as<float>()[at[last]]) : 0.0));
  }
  return {};
}

Error Conv2dQd8::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &weight = a.tensor(1), &scales = a.tensor(3), *bias = a.optional_tensor(2);
  if (x.dtype != DType::f32 || weight.dtype != DType::i8) return Error::make(Code::bad_argument, "dtypes %s and %s (expected f32 and i8)", name_of(x.dtype), name_of(weight.dtype));
  packed_conv2d::Window w;
  PF_TRY(packed_conv2d::read_window(a, kWindow, &w));
  PF_TRY(conv2d_qs8::check_filter(x, weight, w, a.integer(kGroups)));
  const int64_t channels = weight.size(0);
  if (!is_vector(scales, DType::f32, channels) || (bias && !is_vector(*bias, DType::f32, channels)))
    return Error::make(Code::bad_argument, "scales %s or bias (expected f32[%lld])", TypeText(scales).c_str(), static_cast<long long>(channels));
  int64_t h, v;
  PF_TRY(packed_conv2d::output_size(w, x, &h, &v));
  outs[0].dtype = DType::f32;
  outs[0].shape = Shape();
  for (int64_t s : {x.size(0), h, v, channels}) outs[0].shape.push(s);
  return {};
}

Error Conv2dQd8::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &weight = a.tensor(1), &scales = a.tensor(3), *bias = a.optional_tensor(2);
  packed_conv2d::Window w;
  PF_TRY(packed_conv2d::read_window(a, kWindow, &w));
  DynamicScale image{};
  int64_t found_for = -1;
  for (Index at(outs[0].shape); at.valid(); at.next()) {
    if (at[0] != found_for) {
      float least = 0, most = 0;
      for (int64_t y = 0; y < x.size(1); ++y)
        for (int64_t v = 0; v < x.size(2); ++v)
          for (int64_t c = 0; c < x.size(3); ++c) {
            const float e = x.as<float>()[at[0] * x.strides[0] + y * x.strides[1] + v * x.strides[2] + c * x.strides[3]];
            least = std::min(least, e);
            most = std::max(most, e);
          }
      image = DynamicScale::of(least, most);
      found_for = at[0];
    }
    int64_t sum = 0;
    conv2d_qs8::for_each_tap(w, x, weight, a.integer(kGroups), at[0], at[1], at[2], at[3],
                             [&](int64_t from, int64_t tap) { sum += (image(x.as<float>()[from]) - image.zero) * weight.as<int8_t>()[tap]; });
    const double scale = static_cast<double>(image.scale) * static_cast<double>(scales.as<float>()[at[3]]);
    store_real(outs[0], at.offset(outs[0]), static_cast<double>(sum) * scale + (bias ? static_cast<double>(bias->as<float>()[at[3]]) : 0.0));
  }
  return {};
}

}  // namespace portfire::ops::linear_qd8
