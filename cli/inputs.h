// Inputs of a method for commands that measure it.
#pragma once

#include <string>
#include <vector>

#include "cli/npy.h"
#include "runtime/method.h"

namespace portfire::cli {

// Reads one file for each input; without files, seeded random values within each input's dtype and bounds: floats around
// 0, integers small enough to be indices, bools either way. Code::bad_argument where the files are too few or too many.
Result<std::vector<Array>> read_inputs(const Method& method, const std::vector<std::string>& paths);
Error set_inputs(Method& method, const std::vector<Array>& inputs);

}  // namespace portfire::cli
