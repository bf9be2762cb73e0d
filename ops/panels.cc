#include "ops/panels.h"

#include "core/float16.h"

namespace portfire::ops {

bool are_panels(const TensorView& packed, int64_t k, int64_t n) {
  auto of = [](int64_t length, int64_t part) { return length / part + (length % part != 0); };
  if (n < 0 || k < 0 || !packed.is_contiguous()) return false;
  if (packed.dtype == DType::f32) return packed.rank() == 3 && packed.size(0) == of(n, kPanel) && packed.size(1) == k && packed.size(2) == kPanel;
  return packed.dtype == DType::bf16 && packed.rank() == 4 && packed.size(0) == of(n, kPairPanel) && packed.size(1) == of(k, 2) &&
         packed.size(2) == kPairPanel && packed.size(3) == 2;
}

bool takes_panels(std::string_view op) {
  return op == "portfire::packed_linear" || op == "portfire::packed_conv2d" || op == "portfire::inverted_residual";
}

float panel_element(const TensorView& packed, int64_t k, int64_t i, int64_t j) {
  if (packed.dtype == DType::f32) return packed.as<float>()[(j / kPanel * k + i) * kPanel + j % kPanel];
  return bf16_to_f32(packed.as<uint16_t>()[((j / kPairPanel * ((k + 1) / 2) + i / 2) * kPairPanel + j % kPairPanel) * 2 + i % 2]);
}

}  // namespace portfire::ops
