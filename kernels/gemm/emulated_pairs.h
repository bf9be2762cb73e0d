// For tests: the vector unit of pairs.h in plain C++, so that everything but the one-line wrappers of instructions runs on
// every machine.
#pragma once

#include "kernels/gemm/pairs.h"

namespace portfire::gemm {

const PairUnit* emulated_unit();

}  // namespace portfire::gemm
