// Elements of constants as text: numbers where they survive the way there and back, else raw bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/graph.h"

namespace portfire::ir {

// "0.5", "1.0", "inf": always told from an integer, and the shortest that reads back the same.
std::string real_text(double value);

// "[1.0, 2.0, 0.0 * 30]", "3.0" for rank 0; complex numbers as two reals each. `bytes "0000c07f"` (in hexadecimal)
// where numbers would lose something: the payload of a NaN, a boolean that is neither 0 nor 1.
std::string constant_text(const Type& type, const Constant& constant);

// How many numbers stand for a constant of `type`.
int64_t numbers_in(const Type& type);
// A constant that holds `numbers` (each a number as text), as `type` wants them. Null where their count
// is not numbers_in(type) or one is no number.
std::shared_ptr<const Constant> constant_of_numbers(const Type& type, const std::vector<std::string>& numbers);
// The same from hexadecimal bytes.
std::shared_ptr<const Constant> constant_of_bytes(const Type& type, std::string_view hex);

}  // namespace portfire::ir
