// Trained weights back into a program: state becomes constants.
#pragma once

#include <functional>
#include <string>

#include "compiler/emit/write_pte.h"
#include "core/tensor_view.h"
#include "format/program_view.h"

namespace portfire::emit {

// The values of shared state by name; null where there is none of that name. Row-major; must outlive the call.
using StateSource = std::function<const TensorView*(const std::string& name)>;

// Method "forward" of a training program as a program of its own, with these values in place of its shared state. What was frozen when
// the program was compiled is as it was then. Code::unsupported where there is no such method, or no shared state, or the method writes to
// it; Code::bad_argument where a value is missing or of another type.
Error merge_state(const ProgramView& program, const StateSource& state, const std::string& output);

}  // namespace portfire::emit
