// The compiler as a library, for machines on which programs of other compilers are opened: library portfire::compiler
// (find_package(portfire COMPONENTS compiler)). Linked, it is what Module::open compiles programs with that hold XNNPACK's delegates.
// Not needed where programs are compiled beforehand, by `portfire compile`.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "portfire/error.h"

namespace portfire {

// A program of ExecuTorch's, the bytes of a `.pte`, becomes one for this machine: portable operators and XNNPACK's delegates alike, all
// methods. `data`: paths of the `.ptd` files that it takes; their weights are in the result. Thread-safe.
// Errors: Code::bad_file (damaged), unsupported (an operator, or another backend's delegate, which the text names), bad_argument (a weight
// is in none of the data files), io, out_of_memory.
Error compile_program(std::span<const std::byte> program, std::span<const std::string> data, std::vector<std::byte>* compiled);

}  // namespace portfire
