// Import of torch.export archives (schema 8.x).
//
// In: an opened `.pt2` file. Out: a graph of the operators as exported, composites included, with the types
// the export recorded. In-place operators have become their functional form and an `aten::copy_`;
// wrappers without meaning here (`wrap_with_set_grad_enabled`) are inlined. Weights stay in the
// mapped file. The ranges and relations of symbolic input sizes stand as checks at the start.
#pragma once

#include <memory>
#include <string>

#include "compiler/import/archive.h"
#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::import {

Result<ir::Graph> import_pt2(std::shared_ptr<const Archive> archive);

}  // namespace portfire::import
