// Whether a graph is what compiler/ir/graph.h promises. Passes are checked with it while they are
// developed (PORTFIRE_VERIFY=1), and so is every dump that is read.
#pragma once

#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::ir {

// What a graph holds after which passes; each stage promises what those before it do.
enum class Stage : uint8_t {
  imported,    // composites, mutation; types as the export recorded them; numbers may stand for tensors
  decomposed,  // operators that run, control flow; types as the shape rules give them
  functional,  // no aten::copy_
  portable,    // operators that ExecuTorch's portable library has (compiler/ir/portable.h), composites among them
};

// - Every operand is defined before its use, every value once.
// - Arguments fit the schema in count and kind, results in count; types equal what shape rules give.
// - Outputs, updates of state and of inputs are defined, and updates are of the type they replace.
// - Constants hold as many bytes as their types say; every state has an initial value.
// - Sub-graphs take as many operands as they are given, and give as many results as are used.
//
// The error names the node, its line of Python, what was expected and what stands there.
Error verify(const Graph& graph, Stage stage);

}  // namespace portfire::ir
