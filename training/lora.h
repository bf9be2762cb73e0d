// Low-rank adaptation: matrices of low rank beside frozen weights.
#pragma once

#include "compiler/ir/graph.h"
#include "core/error.h"
#include "training/options.h"

namespace portfire::training {

// On a graph from the importer: each parameter W [out, ...] of two dimensions or more that a glob names is used as
// W + alpha / rank * B A, with new parameters "MODULE.lora_A.weight" [rank, in] and "MODULE.lora_B.weight" [out, rank] (in: all dimensions
// of W but its first, as one); alpha / rank is the hyper-parameter kLoraScaleName. Linear layers add the product's two factors one after the other; nothing of W's size is computed.
// Code::bad_argument where a glob matches no such parameter.
Result<ir::Graph> add_lora(ir::Graph graph, const Lora& lora);

}  // namespace portfire::training
