// Reads back what `to_text` writes.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::ir {

// Where constants that stand outside the text have their bytes. `owner` keeps them alive.
struct ConstantBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

// The graph that `text` says. Code::bad_file where it says none: unknown operators, undefined and
// redefined values, bad types, missing and unknown arguments, each with the line, what was expected and
// what stands there.
Result<Graph> parse_text(std::string_view text, const ConstantBytes& constants = {});

}  // namespace portfire::ir
