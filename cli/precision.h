// Precision is never lowered, nor asked for in vain, without a word.
#pragma once

#include "runtime/method.h"

namespace portfire::cli {

// One line on stderr where the method has products in bf16 and this machine does not multiply such.
void note_precision(const Method& method);

}  // namespace portfire::cli
