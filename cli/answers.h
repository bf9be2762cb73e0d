// What a method answered, and how that compares with what is expected of it.
#pragma once

#include <string>
#include <vector>

#include "cli/npy.h"
#include "runtime/method.h"

namespace portfire::cli {

// A number as a tensor of rank 0, a string as its bytes.
Array answer_of(const Value& v);
// The outputs that are not None.
std::vector<Array> answers_of(const Method& m);

// Prints "output 0: f32[2,3] largest error 1e-07, relative 2e-08 (tolerance 0.0001): ok"; where it differs, also what from, to stderr.
// Whether it does not.
bool print_comparison(size_t output, const TensorView& answer, const TensorView& expected, const std::string& expected_name,
                      double tolerance);

}  // namespace portfire::cli
