// The nesting of a program's inputs and outputs, as torch.export writes it (torch.utils._pytree's JSON).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace portfire::ir {

struct PyTree {
  enum class Kind : uint8_t { leaf, tuple, list, dict, other };
  Kind kind = Kind::leaf;
  std::string type;               // "builtins.tuple"; of a named tuple its own
  std::vector<std::string> keys;  // of a dict, as Python writes them: 'ids', 3
  std::vector<PyTree> children;
};

// Of "[1, {"type": "builtins.tuple", "context": "null", "children_spec": [...]}]".
Result<PyTree> parse_pytree(std::string_view json);

// How each leaf is reached from `root`, in flattened order: "batch['ids']", "pairs[0][1]".
std::vector<std::string> leaf_paths(const PyTree& tree, const std::string& root);
// The same for a call's inputs, a tuple of positional arguments and a dict of keywords. `names` are the
// parameters' of forward.
std::vector<std::string> input_paths(const PyTree& tree, const std::vector<std::string>& names);

// "(*, {'sum': *, 'parts': [*, *]})".
std::string to_string(const PyTree& tree);

}  // namespace portfire::ir
