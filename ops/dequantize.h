// quantized_decomposed::dequantize_*: x = (q - zero_point) * scale, with a scale for the tensor, for each index of a dimension, for
// each row of the last one, or for each group of a row. quant_min and quant_max only say what was there when it was quantized.
#pragma once

#include "ops/affine_call.h"

namespace portfire::ops::dequantize {

#define PF_DEQUANTIZE(type, call)                                                                    \
  struct type {                                                                                      \
    static constexpr std::string_view schema = "quantized_decomposed::" call ") -> Tensor";          \
    static Error read(const Args& a, AffineCall* out);                                               \
    static Error infer(const Args& a, std::span<TensorSpec> outs);                                   \
    static Error reference(const Args& a, std::span<TensorView> outs);                               \
  };

PF_DEQUANTIZE(PerTensor,
              "dequantize_per_tensor(Tensor input, float scale, int zero_point, int quant_min, int quant_max, ScalarType dtype, *, "
              "ScalarType? out_dtype=None")
PF_DEQUANTIZE(PerTensorOfTensors,
              "dequantize_per_tensor.tensor(Tensor input, Tensor scale, Tensor zero_point, int quant_min, int quant_max, ScalarType dtype, *, "
              "ScalarType? out_dtype=None")
// The same by the name that its out variant has in ExecuTorch.
PF_DEQUANTIZE(PerTensorOut,
              "dequantize_per_tensor.Tensor(Tensor input, Tensor scale, Tensor zero_point, int quant_min, int quant_max, ScalarType dtype, *, "
              "ScalarType? out_dtype=None")
PF_DEQUANTIZE(PerTensorInRange,
              "dequantize_per_tensor.tensor2(Tensor input, Tensor scale, Tensor zero_point, Tensor quant_min, Tensor quant_max, ScalarType "
              "dtype, *, ScalarType? out_dtype=None")
PF_DEQUANTIZE(PerChannel,
              "dequantize_per_channel(Tensor input, Tensor scales, Tensor? zero_points, int axis, int quant_min, int quant_max, ScalarType "
              "dtype, *, ScalarType? out_dtype=None")
PF_DEQUANTIZE(PerToken,
              "dequantize_per_token(Tensor input, Tensor scales, Tensor zero_points, int quant_min, int quant_max, ScalarType dtype, "
              "ScalarType output_dtype")
PF_DEQUANTIZE(PerGroup,
              "dequantize_per_channel_group(Tensor input, Tensor scales, Tensor? zero_points, int quant_min, int quant_max, ScalarType dtype, "
              "int group_size, ScalarType output_dtype")
#undef PF_DEQUANTIZE

using Ops = OpList<PerTensor, PerTensorOfTensors, PerTensorOut, PerTensorInRange, PerChannel, PerToken, PerGroup>;

}  // namespace portfire::ops::dequantize
