// Which vector instructions kernels use.
#pragma once

#include <string_view>

#include "core/error.h"

namespace portfire {

// Holds kernels to an instruction set and those below it: "avx512" ("avx3"), "avx2", "sse4", "scalar", "neon",
// "sve", ... as far as this build and machine have them. To be called before anything is loaded; kernels
// that were chosen stay. Code::bad_argument where there is none of that name.
Error limit_isa(std::string_view name);

// The one in use, in small letters.
const char* isa_name();

// Whether products with weights in bf16 are computed by instructions that multiply bf16; otherwise in f32.
bool multiplies_bf16();

}  // namespace portfire
