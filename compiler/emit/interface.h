// The named data that says what a program's inputs and outputs are called and which sizes they may have
// (pte::Interface in format/program.fbs).
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/emit/write_pte.h"

namespace portfire::emit {

std::vector<uint8_t> write_interface(const std::vector<EmitMethod>& methods);

}  // namespace portfire::emit
