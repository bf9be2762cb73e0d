// What `portfire inspect` prints of archives, programs and files of tensors alike.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/text.h"
#include "core/error.h"

namespace portfire::cli {

Error inspect_pt2(const std::string& path);
// A program, or a bundle of one with test sets.
Error inspect_pte(const InspectCommand& command);
// `.ptd` and `.safetensors`.
Error inspect_tensors(const std::string& path);

// "(*, {'ids': *})" from a pytree's JSON; the JSON itself where it is none.
std::string structure_text(std::string_view json);
// "s77 in 2..64", "s77 at least 2".
std::string range_text(std::string_view symbol, int64_t lower, int64_t upper);
// "  37 aten::linear" for each, the most frequent first.
void print_histogram(const char* title, const std::map<std::string, size_t>& counts);

}  // namespace portfire::cli
