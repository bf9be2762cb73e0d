// The named data that says what a program's inputs and outputs are called and which sizes they may have
// (pte::Interface in format/program.fbs).
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/emit/write_pte.h"

namespace portfire::emit {

// `initial`: of each tensor of the shared state, where its initial content stands among the program's; 0: zeros.
std::vector<uint8_t> write_interface(const EmitProgram& program, const std::vector<uint32_t>& initial);

}  // namespace portfire::emit
