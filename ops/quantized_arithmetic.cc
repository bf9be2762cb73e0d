#include "ops/quantized_arithmetic.h"

#include "ops/affine_blocks.h"

namespace portfire::ops::quantized_arithmetic {
namespace {

Error check_product(const Args& a, bool transposed) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1), &scales = a.tensor(2), *zeros = a.optional_tensor(3);
  if (x.rank() != 2 || w.rank() != 2 || !is_floating(x.dtype) || w.dtype != DType::i8 || x.size(1) != w.size(transposed ? 1 : 0))
    return Error::make(Code::bad_argument, "%s with weight %s (expected matrices, of a floating dtype and of i8)", TypeText(x).c_str(),
                       TypeText(w).c_str());
  if (scales.rank() < 1 || scales.rank() > (transposed ? 2 : 1) || scales.size(0) != w.size(0) || scales.dtype != x.dtype ||
      scales.size(scales.rank() - 1) == 0)
    return Error::make(Code::bad_argument, "scales %s for weight %s of %s", TypeText(scales).c_str(), TypeText(w)
        .c_str(), name_of(x.dtype));
  if (zeros && (!(zeros->shape == scales.shape) || is_complex(zeros->dtype)))
    return Error::make(Code::bad_argument, "zero points %s for scales %s", TypeText(*zeros).c_str(), TypeText(scales).c_str());
  return {};
}

}  // namespace

Error Add::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &y = a.tensor(5);
  if (!(x.shape == y.shape) || x.dtype != y.dtype || !is_integral(x.dtype))
    return Error::make(Code::bad_argument, "%s and %s (expected integers of one shape and dtype)", TypeText(x).c_str(), TypeText(y)
        .c_str());
  outs[0] = {x.dtype, x.shape};
  return {};
}

Error Add::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &y = a.tensor(5);
  const auto value = [&](const TensorView& t, int64_t at, size_t scale) {
    const auto difference = static_cast<double>(load_int(t, at)) - static_cast<double>(static_cast<int32_t>(a.integer(scale + 1)));
    return static_cast<float>(difference * static_cast<float>(a.real(scale)));
  };
  const float inverse = 1.0f / static_cast<float>(a.real(10));
  const auto zero = static_cast<float>(a.integer(11));
  for (Index at(x.shape); at.valid(); at.next()) {
    const float sum = value(x, at.offset(x), 1) + value(y, at.offset(y), 6);
    store_int(outs[0], at.offset(outs[0]), clamped(zero + std::nearbyint(inverse * sum), a.integer(12), a.integer(13)));
  }
  return {};
}

Error MixedMm::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(check_product(a, false));
  outs[0] = {a.tensor(0).dtype, a.tensor(0).shape};
  outs[0].shape.sizes[1] = a.tensor(1).size(1);
  return {};
}

Error MixedMm::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1), &scales = a.tensor(2), *zeros = a.optional_tensor(3);
  for (Index at(outs[0].shape); at.valid(); at.next()) {
    double sum = 0;
    for (int64_t k = 0; k < x.size(1); ++k) {
      const double zero = zeros ? parameter(*zeros, k) : 0;
      sum += load_real(x, at[0] * x.strides[0] + k * x.strides[1]) * (load_real(w,
          k * w.strides[0] + at[1] * w.strides[1]) - zero) * parameter(scales, k);
    }
    store_real(outs[0], at.offset(outs[0]), sum);
  }
  return {};
}

Error MixedLinear::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(check_product(a, true));
  const DType dtype = a.dtype(4, a.tensor(0).dtype);
  if (!is_floating(dtype)) return Error::make(Code::bad_argument, "dtype %s (expected a floating one)", name_of(dtype));
  outs[0] = {dtype, a.tensor(0).shape};
  outs[0].shape.sizes[1] = a.tensor(1).size(0);
  return {};
}

Error MixedLinear::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1), &scales = a.tensor(2), *zeros = a.optional_tensor(3);
  const int64_t groups = scales.rank() == 2 ? scales.size(1) : 1, group = std::max<int64_t>((x.size(1) + groups - 1) / groups, 1);
  for (Index at(outs[0].shape); at.valid(); at.next()) {
    double sum = 0;
    for (int64_t k = 0; k < x.size(1); ++k) {
      const int64_t block = at[1] * groups + k / group;
      const double zero = zeros ? parameter(*zeros, block) : 0;
      sum += load_real(x, at[0] * x.strides[0] + k * x.strides[1]) * (load_real(w, at[1] * w.strides[0] + k * w.strides[1]) - zero) *
             parameter(scales, block);
    }
    store_real(outs[0], at.offset(outs[0]), sum);
  }
  return {};
}

}  // namespace portfire::ops::quantized_arithmetic
