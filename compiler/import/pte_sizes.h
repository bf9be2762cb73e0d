// Which sizes of a `.pte`'s inputs may vary, and which vary together. The file does not say: of a tensor that is not static it holds the
// upper bounds. So the program is imported with sizes below them, and where it still computes they are free.
#pragma once

#include <functional>
#include <vector>

#include "compiler/import/pte_file.h"
#include "compiler/ir/type.h"

namespace portfire::import {

// One size of an input: fixed at `upper`, or step * symbol + offset.
struct InputSize {
  int64_t upper = 0;  // the file's
  int symbol = -1;    // -1: fixed
  int64_t step = 1, offset = 0;
};
struct InputSizes {
  struct Range {
    int64_t lower, upper;
  };
  std::vector<std::vector<InputSize>> sizes;  // of each tensor among the inputs
  std::vector<Range> symbols;
};

// `computes` says whether the program can be imported with these sizes.
InputSizes find_sizes(const pte::ExecutionPlan& plan, const std::function<bool(const std::vector<std::vector<ir::Dim>>&)>& computes);

}  // namespace portfire::import
