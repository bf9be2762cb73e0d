// quantized_decomposed::add, and products of numbers with a matrix of i8.
#pragma once

#include "ops/op.h"

namespace portfire::ops::quantized_arithmetic {

// Both dequantized with scales in f32, added, quantized again.
struct Add {
  static constexpr std::string_view schema =
      "quantized_decomposed::add(Tensor a, float a_scale, int a_zero_point, int a_quant_min, int a_quant_max, Tensor b, float b_scale, int "
      "b_zero_point, int b_quant_min, int b_quant_max, float out_scale, int out_zero_point, int out_quant_min, int out_quant_max) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

template <class G>
typename G::Tensor dequantized(G& g, const std::string& name) {
  auto x = g.tensor(name);
  return g("quantized_decomposed::dequantize_per_tensor", x, g.arg(name + "_scale"), g.arg(name + "_zero_point"),
      g.arg(name + "_quant_min"),
           g.arg(name + "_quant_max"), static_cast<int64_t>(x.dtype()));
}
template <class G>
void give_quantized(G& g, typename G::Tensor y, DType dtype) {
  g.result(g("quantized_decomposed::quantize_per_tensor", y, g.arg("out_scale"), g.arg("out_zero_point"), g.arg("out_quant_min"),
             g.arg("out_quant_max"), static_cast<int64_t>(dtype)));
}
struct AddRelu {
  static constexpr std::string_view schema =
      "quantized_decomposed::add_relu(Tensor a, float a_scale, int a_zero_point, int a_quant_min, int a_quant_max, Tensor b, float b_scale, "
      "int b_zero_point, int b_quant_min, int b_quant_max, float out_scale, int out_zero_point, int out_quant_min, int out_quant_max) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    give_quantized(g, g("aten::relu", dequantized(g, "a") + dequantized(g, "b")), g.tensor("a").dtype());
  }
};
struct AddScalar {
  static constexpr std::string_view schema =
      "quantized_decomposed::add.scalar(Tensor qa, float a_scale, int a_zero_point, int a_quant_min, int a_quant_max, ScalarType a_dtype, "
      "Scalar b, float out_scale, int out_zero_point, int out_quant_min, int out_quant_max, ScalarType out_dtype) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto x = g("quantized_decomposed::dequantize_per_tensor", g.tensor("qa"), g.arg("a_scale"), g.arg("a_zero_point"), g.arg("a_quant_min"),
               g.arg("a_quant_max"), g.arg("a_dtype"));
    give_quantized(g, x + g.arg("b"), *g.dtype("out_dtype"));
  }
};

// y = input (weight * scales), a scale for each row of the weight.
struct MixedMm {
  static constexpr std::string_view schema =
      "quantized_decomposed::mixed_mm(Tensor input, Tensor weight, Tensor weight_scales, Tensor? weight_zero_points) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};
// y = input (weight * scales)^T, a scale for each row of the weight or for each group of a row; the last group may be shorter.
struct MixedLinear {
  static constexpr std::string_view schema =
      "quantized_decomposed::mixed_linear(Tensor input, Tensor weight, Tensor weight_scales, Tensor? weight_zero_points, ScalarType? "
      "dtype=None) -> Tensor";
  static Error infer(const Args& a, std::span<TensorSpec> outs);
  static Error reference(const Args& a, std::span<TensorView> outs);
};

using Ops = OpList<Add, AddRelu, AddScalar, MixedMm, MixedLinear>;

}  // namespace portfire::ops::quantized_arithmetic
