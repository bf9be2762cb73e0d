// What options are made of (lists, numbers, assignments), and what answers are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace portfire::cli {

// "a.npy,b.npy": its parts, empty ones left out.
std::vector<std::string> split(std::string_view text);
// All of `text` is a number.
bool number(std::string_view text, double* out);
// "name=0.5"; `name` is a part of `item`.
bool assignment(std::string_view item, std::string_view* name, double* value);

// "12 bytes", "4.0 KiB", "22.7 MiB".
std::string bytes_text(uint64_t bytes);

}  // namespace portfire::cli
