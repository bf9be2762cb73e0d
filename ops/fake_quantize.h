// quantized_decomposed's operators of training for quantization: numbers rounded to what integers would keep of them, and a conversion.
#pragma once

#include "ops/op.h"

namespace portfire::ops::fake_quantize {

struct FakeQuantPerChannel {
  static constexpr std::string_view schema =
      "quantized_decomposed::fake_quant_per_channel(Tensor input, Tensor scales, Tensor zero_points, int axis, int quant_min, int quant_max) -> "
      "Tensor";
  template <class G>
  static void decompose(G& g) {
    const auto i32 = static_cast<int64_t>(DType::i32);
    auto scales = g.cast(g.tensor("scales"), DType::f32), zeros = g.cast(g.tensor("zero_points"), DType::i32);
    auto q = g("quantized_decomposed::quantize_per_channel", g.tensor("input"), scales, zeros, g.arg("axis"), g.arg("quant_min"),
        g.arg("quant_max"), i32);
    g.result(g("quantized_decomposed::dequantize_per_channel", q, scales, zeros, g.arg("axis"), g.arg("quant_min"), g.arg("quant_max"),
        i32));
  }
};

struct ConvertElementType {
  static constexpr std::string_view schema = "quantized_decomposed::convert_element_type.no_fuse(Tensor input, ScalarType dtype) -> Tensor";
  template <class G>
  static void decompose(G& g) {
    g.result(g("aten::_to_copy", g.tensor("input"), g.arg("dtype")));
  }
};

using Ops = OpList<FakeQuantPerChannel, ConvertElementType>;

}  // namespace portfire::ops::fake_quantize
