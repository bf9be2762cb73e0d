#include "ops/conv2d_qs8.h"

#include "ops/element.h"
#include "ops/requantize.h"

namespace portfire::ops::conv2d_qs8 {
namespace {

constexpr size_t kWindow = 8, kGroups = 12;

Requantization requantization(const Args& a) { return {a.integer(5), a.integer(6), a.integer(7)}; }

// All but the size of the result.
Error check(const Args& a, Window* w) {
  const TensorView &x = a.tensor(0), &weight = a.tensor(1), &m = a.tensor(3), *bias = a.optional_tensor(2);
  if (x.dtype != DType::i8 || weight.dtype != DType::i8) return Error::make(Code::bad_argument, "dtypes %s and %s (expected i8)", name_of(x.dtype), name_of(weight.dtype));
  PF_TRY(packed_conv2d::read_window(a, kWindow, w));
  PF_TRY(check_filter(x, weight, *w, a.integer(kGroups)));
  const int64_t channels = weight.size(0);
  if (m.dtype != DType::f32 || m.rank() != 1 || m.size(0) != channels || !m.is_contiguous())
    return Error::make(Code::bad_argument, "multipliers %s (expected f32[%lld])", TypeText(m).c_str(), static_cast<long long>(channels));
  if (bias && (bias->dtype != DType::i32 || bias->rank() != 1 || bias->size(0) != channels || !bias->is_contiguous()))
    return Error::make(Code::bad_argument, "bias %s (expected i32[%lld])", TypeText(*bias).c_str(), static_cast<long long>(channels));
  PF_TRY((Requantization{a.integer(4), -128, 127}.check()));
  return requantization(a).check();
}

void set_shape(TensorSpec* out, const TensorView& x, int64_t h, int64_t w, int64_t channels) {
  out->dtype = DType::i8;
  out->shape = Shape();
  for (int64_t s : {x.size(0), h, w, channels}) out->shape.push(s);
}

}  // namespace

Error check_filter(const TensorView& x, const TensorView& weight, const Window& w, int64_t groups) {
  const bool fits = x.rank() == 4 && weight.rank() == 4 && groups > 0 && weight.size(0) > 0 && weight.size(0) % groups == 0 && x.size(3) % groups == 0 &&
                    weight.size(3) == x.size(3) / groups && weight.size(1) == w.kernel[0] && weight.size(2) == w.kernel[1];
  if (fits) return {};
  return Error::make(Code::bad_argument, "weight %s does not fit input %s in %lld groups", TypeText(weight).c_str(), TypeText(x).c_str(),
                     static_cast<long long>(groups));
}

Error Conv2dQs8::infer(const Args& a, std::span<TensorSpec> outs) {
  Window w;
  PF_TRY(check(a, &w));
  int64_t h, v;
  PF_TRY(packed_conv2d::output_size(w, a.tensor(0), &h, &v));
  set_shape(&outs[0], a.tensor(0), h, v, a.tensor(1).size(0));
  return {};
}

Error Conv2dQs8::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &weight = a.tensor(1), &m = a.tensor(3), *bias = a.optional_tensor(2);
  Window w;
  PF_TRY(check(a, &w));
  const auto zero = static_cast<int32_t>(a.integer(4));
  const Requantization to = requantization(a);
  for (Index at(outs[0].shape); at.valid(); at.next()) {
    int32_t sum = bias ? bias->as<int32_t>()[at[3]] : 0;
    for_each_tap(w, x, weight, a.integer(kGroups), at[0], at[1], at[2], at[3],
                 [&](int64_t from, int64_t tap) { sum += (x.as<int8_t>()[from] - zero) * weight.as<int8_t>()[tap]; });
    outs[0].as<int8_t>()[at.offset(outs[0])] = to(sum, m.as<float>()[at[3]]);
  }
  return {};
}

Error ConvTranspose2dQs8::infer(const Args& a, std::span<TensorSpec> outs) {
  Window w;
  PF_TRY(check(a, &w));
  const TensorView& x = a.tensor(0);
  const auto more = a.ints(13);
  if (more.size() != 2) return Error::make(Code::bad_argument, "%zu output paddings (expected 2)", more.size());
  int64_t size[2];
  for (int d = 0; d < 2; ++d) {
    size[d] = (x.size(1 + d) - 1) * w.stride[d] - w.padding[d] - w.padding[d + 2] + w.dilation[d] * (w.kernel[d] - 1) + more[static_cast<size_t>(d)] + 1;
    if (more[static_cast<size_t>(d)] < 0 || more[static_cast<size_t>(d)] > (int64_t{1} << 31) || size[d] < 1)
      return Error::make(Code::bad_argument, "a result of %lld rows or columns", static_cast<long long>(size[d]));
  }
  set_shape(&outs[0], x, size[0], size[1], a.tensor(1).size(0));
  return {};
}

Error ConvTranspose2dQs8::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &weight = a.tensor(1), &m = a.tensor(3), *bias = a.optional_tensor(2);
  Window w;
  PF_TRY(check(a, &w));
  const int32_t zero = static_cast<int32_t>(a.integer(4));
  const Requantization to = requantization(a);
  const int64_t depth = weight.size(3), per_group = weight.size(0) / a.integer(kGroups);
  for (Index at(outs[0].shape); at.valid(); at.next()) {
    int32_t sum = bias ? bias->as<int32_t>()[at[3]] : 0;
    for (int64_t ky = 0; ky < w.kernel[0]; ++ky)
      for (int64_t kx = 0; kx < w.kernel[1]; ++kx) {
        const int64_t y = at[1] + w.padding[0] - ky * w.dilation[0], v = at[2] + w.padding[1] - kx * w.dilation[1];
        if (y < 0 || v < 0 || y % w.stride[0] || v % w.stride[1] || y / w.stride[0] >= x.size(1) || v / w.stride[1] >= x.size(2)) continue;
        for (int64_t c = 0; c < depth; ++c) {
          const int64_t from = at[0] * x.strides[0] + y / w.stride[0] * x.strides[1] + v / w.stride[1] * x.strides[2] + (at[3] / per_group * depth + c) * x.strides[3];
          const int64_t tap = at[3] * weight.strides[0] + ky * weight.strides[1] + kx * weight.strides[2] + c * weight.strides[3];
          sum += (x.as<int8_t>()[from] - zero) * weight.as<int8_t>()[tap];
        }
      }
    outs[0].as<int8_t>()[at.offset(outs[0])] = to(sum, m.as<float>()[at[3]]);
  }
  return {};
}

}  // namespace portfire::ops::conv2d_qs8
