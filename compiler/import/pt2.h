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

// What an archive says of itself beside the graph.
struct ArchiveInfo {
  std::string schema, torch;  // versions
  struct Tensors {
    size_t count = 0;
    uint64_t bytes = 0;  // of tied weights once
  };
  Tensors parameters, buffers, constants;
};
Result<ArchiveInfo> read_archive_info(std::shared_ptr<const Archive> archive);

}  // namespace portfire::import
