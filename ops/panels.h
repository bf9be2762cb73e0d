// Weights of k x n as packed operators take them, zero-padded, in one of two forms that their dtype tells apart.
//
// f32 [ceil(n / 32), k, 32]: element (i, j) at [j / 32][i][j % 32] (kernels/gemm/gemm.h gives the reason).
// bf16 [ceil(n / 16), ceil(k / 2), 16, 2]: at [j / 16][i / 2][j % 16][i % 2], rounded to nearest even. A column's two
// neighbours of k are one word, 16 columns of them the operand of a dot product of bf16 pairs.
#pragma once

#include <string_view>

#include "core/tensor_view.h"

namespace portfire::ops {

inline constexpr int64_t kPanel = 32, kPairPanel = 16;

// Whether `packed` is k x n weights in either form.
bool are_panels(const TensorView& packed, int64_t k, int64_t n);
// Whether an operator takes such weights; of its arguments only they may be bf16.
bool takes_panels(std::string_view op);
// Element (i, j) of them.
float panel_element(const TensorView& packed, int64_t k, int64_t i, int64_t j);

}  // namespace portfire::ops
