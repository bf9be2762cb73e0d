// PF_PLAIN_LOOP before a loop: iterations do not depend on each other, though operands may be the
// same memory (never partly so). Templates of the standard library stay out of such loops: the linker
// keeps one copy of each, which may be that of an ISA the machine has not.
#pragma once

#include <cstddef>

#if defined(__clang__)
#define PF_PLAIN_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define PF_PLAIN_LOOP _Pragma("GCC ivdep")
#else
#define PF_PLAIN_LOOP
#endif

namespace portfire::pointwise {

// Strips are padded to 64 elements; the compiler, told so, makes no code for a rest.
[[gnu::always_inline]] inline size_t padded(size_t n) { return (n + 63) & ~size_t{63}; }

}  // namespace portfire::pointwise
