// Slices that data places, and sizes measure: x[start : start + n], where start is read from a tensor. ExecuTorch's programs have lost that
// the export knew them to lie within x.
#pragma once

#include <vector>

#include "compiler/ir/builder.h"

namespace portfire::import {

// `args` of aten::slice.Tensor, of which the end is the start + n: if data says where it starts, a check that it lies within x goes before
// it, and its size is n. Others stay.
void keep_within(ir::Builder& b, const ir::Arg& n, std::vector<ir::Arg>& args);

}  // namespace portfire::import
