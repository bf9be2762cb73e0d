// Values and instructions of a listing as text.
#pragma once

#include <string>

#include "cli/listing.h"

namespace portfire::cli {

// "f32[2,<=64]": sizes as the file bounds them, or, with the names of a port, as forms of symbols ("f32[2,s77]").
std::string type_text(const pte::Tensor& tensor, const pte::Port* port = nullptr);
// "%12 input f32[2,3] @1+2048": which value, its name, type and place. A number that nothing computes, a string or None is
// itself; of lists each item. `place`: with memory id and offset, or what stands for them.
std::string value_text(const Listing& listing, int32_t value, bool place);
// "%5 f32[2] @1+0 = aten::add(%3 f32[2] input, other: 1.5)"; results first where there are any.
std::string instruction_text(const Listing& listing, size_t index);
// The names of an instruction's arguments where this build knows its operator.
std::vector<std::string> argument_names(const Listing::Instruction& instruction);
// "model.py:41, encoder.layer.0"; empty where the file does not say.
std::string where_text(const Listing::Instruction& instruction);
// A name from a file as it is, or quoted where it would do something to the terminal.
std::string name_text(std::string_view name);

}  // namespace portfire::cli
