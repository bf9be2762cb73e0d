// quantized_decomposed::quantize_*: q = clamp(round(x / scale) + zero_point, quant_min, quant_max), halves rounded to even, with a
// scale for the tensor, for each index of a dimension, for each row of the last one, or for each group of a row. As ExecuTorch's
// kernels do it: x is multiplied by the reciprocal in f32. What is too large becomes quant_max, NaN quant_min.
#pragma once

#include "ops/affine_call.h"

namespace portfire::ops::quantize {

#define PF_QUANTIZE(type, call)                                                                      \
  struct type {                                                                                      \
    static constexpr std::string_view schema = "quantized_decomposed::" call ") -> Tensor";          \
    static Error read(const Args& a, AffineCall* out);                                               \
    static Error infer(const Args& a, std::span<TensorSpec> outs);                                   \
    static Error reference(const Args& a, std::span<TensorView> outs);                               \
  };

PF_QUANTIZE(PerTensor, "quantize_per_tensor(Tensor input, float scale, int zero_point, int quant_min, int quant_max, ScalarType dtype")
PF_QUANTIZE(PerTensorOfTensors,
            "quantize_per_tensor.tensor(Tensor input, Tensor scale, Tensor zero_point, int quant_min, int quant_max, ScalarType dtype")
// The same by the name that its out variant has in ExecuTorch.
PF_QUANTIZE(PerTensorOut,
            "quantize_per_tensor.Tensor(Tensor input, Tensor scale, Tensor zero_point, int quant_min, int quant_max, ScalarType dtype")
PF_QUANTIZE(PerTensorInRange,
            "quantize_per_tensor.tensor2(Tensor input, Tensor scale, Tensor zero_point, Tensor quant_min, Tensor quant_max, ScalarType dtype")
PF_QUANTIZE(PerChannel,
            "quantize_per_channel(Tensor input, Tensor scales, Tensor zero_points, int axis, int quant_min, int quant_max, ScalarType dtype")
PF_QUANTIZE(PerToken,
            "quantize_per_token(Tensor input, Tensor scales, Tensor zero_points, int quant_min, int quant_max, ScalarType dtype")
PF_QUANTIZE(PerGroup,
            "quantize_per_channel_group(Tensor input, Tensor scales, Tensor zero_points, int quant_min, int quant_max, ScalarType dtype, "
            "int group_size")
#undef PF_QUANTIZE

// Before rounding: x / scale as f32 has it.
inline float scaled(const TensorView& x, int64_t offset, float inverse) {
  const double v = load_real(x, offset);
  return x.dtype == DType::f64 ? static_cast<float>(inverse * v) : inverse * static_cast<float>(v);
}

using Ops = OpList<PerTensor, PerTensorOfTensors, PerTensorOut, PerTensorInRange, PerChannel, PerToken, PerGroup>;

}  // namespace portfire::ops::quantize
