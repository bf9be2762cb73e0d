// What a method answers, for commands that compare.
#pragma once

#include "cli/npy.h"
#include "core/value.h"

namespace portfire::cli {

// The answer as a tensor, numbers included.
Array answer_of(const Value& value);

}  // namespace portfire::cli
