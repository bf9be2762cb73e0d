// Import of ExecuTorch's programs: `.pte` files of the portable operators and of XNNPACK's delegate.
//
// In: an opened file. Out: a graph for each method, of ATen's operators, with types inferred from those of the inputs. Planned memory,
// out-variants and copies are gone; weights stay in the mapped file.
#pragma once

#include <memory>
#include <vector>

#include "compiler/import/pte_file.h"
#include "compiler/ir/graph.h"
#include "core/error.h"

namespace portfire::import {

Result<std::vector<ir::Graph>> import_pte(std::shared_ptr<const PteFile> file);

}  // namespace portfire::import
