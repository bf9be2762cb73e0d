// torchao::*_affine: quantization with a scale and a zero point for each block of `block_size`, computed in the operands' own dtypes.
#pragma once

#include "ops/affine_call.h"
#include "ops/op.h"

namespace portfire::ops::torchao {

// q = clamp(round(input * (1 / scale)) + zero_point, quant_min, quant_max)
struct Quantize {
  static constexpr std::string_view schema =
      "torchao::quantize_affine(Tensor input, SymInt[] block_size, Tensor scale, Tensor? zero_point, ScalarType output_dtype, Scalar? "
      "quant_min=None, Scalar? quant_max=None) -> Tensor";
  static Error read(const Args& a, AffineCall* out);
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

// x = (input - zero_point) * scale; quant_min and quant_max say what was there when it was quantized.
struct Dequantize {
  static constexpr std::string_view schema =
      "torchao::dequantize_affine(Tensor input, SymInt[] block_size, Tensor scale, Tensor? zero_point, ScalarType input_dtype, Scalar? "
      "quant_min=None, Scalar? quant_max=None, ScalarType output_dtype=6) -> Tensor";
  static Error read(const Args& a, AffineCall* out);
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

// mapping_type ASYMMETRIC: scale = (most - least) / (quant_max - quant_min), zero_point = quant_min - round(least / scale).
// SYMMETRIC: scale = max(-least, most) / ((quant_max - quant_min) / 2); SYMMETRIC_NO_CLIPPING_ERR: the larger of least / quant_min and
// most / quant_max; zero_point is the middle. Always with 0 between least and most, and scale at least eps. Dimensions with one
// block go away, unless keepdim.
struct ChooseQparams {
  // The rule of a call, for numbers whose extremes are known.
  struct Rule {
    enum class Mapping { symmetric, no_clipping, asymmetric } mapping;
    DType dtype;  // of the input
    double low, high, eps;
    struct Parameters {
      double scale, zero_point;
    };
    Parameters operator()(double least, double most) const;
  };
  static Rule rule(const Args& a);
  static void store_parameters(std::span<TensorView> outs, int64_t block, const Rule::Parameters& p);
  static constexpr std::string_view schema =
      "torchao::choose_qparams_affine(Tensor? input, str mapping_type, SymInt[] block_size, ScalarType target_dtype, Scalar? quant_min=None, "
      "Scalar? quant_max=None, float? eps=None, ScalarType? scale_dtype=None, ScalarType? zero_point_dtype=None, bool keepdim=False) -> "
      "(Tensor, Tensor)";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<Quantize, Dequantize, ChooseQparams>;

}  // namespace portfire::ops::torchao
