// Convolutions by minimal filtering (ops/winograd_conv2d.h): whether it pays, and the transformed weights.
#pragma once

#include <cstdint>

#include "compiler/ir/builder.h"
#include "compiler/passes/passes.h"

namespace portfire::passes {

// Outputs of a tile along a side, 2 or 4, that a 3 x 3 convolution of stride 1 with results of
// [images, height, width, outs] is best cut into; 0: as it is, in `precision` (tiles are of f32 in any).
int64_t winograd_tile(int64_t images, int64_t height, int64_t width, int64_t ins, int64_t outs, Precision precision);

// The constant `packed` of filters w [outs, ins, 3, 3], each times its scale (scale may be null).
ir::Tensor pack_winograd(ir::Builder& b, const float* w, const float* scale, int64_t outs, int64_t ins, int m);

}  // namespace portfire::passes
