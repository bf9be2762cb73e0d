// The kernels of attention, for tests that bring a unit for products of bf16 (kernels/gemm/pairs.h) of their own.
#pragma once

#include "kernels/kernel.h"

namespace portfire::gemm {
struct PairUnit;
}

namespace portfire::attention {

inline constexpr size_t kStateBytes = 256;

// unit: null for products of f32. `before`: keys in front of the first query, which causality lets all queries see.
bool prepare(const Operands& o, void* state, size_t* scratch, const gemm::PairUnit* unit, int64_t before = 0);
Error run(const void* state, const Operands& o, const KernelContext& context);

}  // namespace portfire::attention
