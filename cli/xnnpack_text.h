// What an XNNPACK delegate holds, as text.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace portfire::cli {

// A line for each value and node, indented; of what is no graph of XNNPACK, what is wrong with it.
std::string xnnpack_text(std::span<const std::byte> blob);

}  // namespace portfire::cli
