// The operators of ExecuTorch's portable library, as far as ATen has them without `out`: what a program may call that its runtime runs.
#pragma once

#include <string>
#include <string_view>

namespace portfire::ir {

// What that library calls the operator `op` of ATen: "aten::add.out" for "aten::add.Tensor". Empty where it has none.
std::string portable_name(std::string_view op);

}  // namespace portfire::ir
