// A picture of planned memory, as text.
#pragma once

#include <string>

#include "cli/listing.h"

namespace portfire::cli {

// One buffer: its size, the most bytes in use at a time, and what lies where over the instructions. A column is one instruction
// or several, a row some bytes; a letter stands for one of the largest tensors, told below, '+' for others, '.' for nothing.
std::string arena_text(const Listing& listing, uint32_t memory);

}  // namespace portfire::cli
