// A delegated part of a program as ExecuTorch's XNNPACK backend reads it (format/xnnpack.fbs).
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/emit/named_constants.h"
#include "compiler/ir/graph.h"

namespace portfire::emit {

// The bytes of a delegate that computes `body` (compiler/passes/delegate_xnnpack.cc). Its arguments are the body's inputs, then its
// outputs.
std::vector<uint8_t> xnnpack_blob(const ir::Graph& body, NamedConstants& constants);

}  // namespace portfire::emit
