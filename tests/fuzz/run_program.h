// Running a program of unknown origin, within limits.
#pragma once

#include <cstddef>
#include <span>

namespace portfire::fuzz {

// Loads every method of a `.pte` that is small enough and calls it three times: with the declared sizes, with
// smaller ones, and with the declared ones again. `must_verify`: the bytes come from our own compiler,
// whose programs may fail but not be malformed.
void run_program(std::span<const std::byte> bytes, bool must_verify);

}  // namespace portfire::fuzz
