// How all commands open a program that is to be run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/program.h"

namespace portfire::cli {

// A `.pte`, or the program inside a `.bpte`; `data`: the `.ptd` files of what lies outside of it. Programs with delegates are compiled
// in memory. Errors name the file.
Result<std::shared_ptr<const Program>> open_program(const std::string& path, const std::vector<std::string>& data = {});

}  // namespace portfire::cli
