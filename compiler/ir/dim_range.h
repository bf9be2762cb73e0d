// Neighbouring dimensions that a mean is taken over.
#pragma once

#include <algorithm>
#include <array>

#include "compiler/ir/graph.h"

namespace portfire::ir {

struct DimRange {
  int begin = 0, end = 0;  // end < begin: not neighbours
};

// What `aten::mean.dim` of a tensor of that rank, or `aten::_adaptive_avg_pool2d` to one element, is taken over.
inline DimRange mean_range(const Node& n, int rank) {
  if (n.op->name != "aten::mean.dim") return {rank - 2, rank};
  const Arg::List* dims = n.args[1].list();
  if (!dims || dims->empty()) return {0, rank};
  DimRange r{rank, 0};
  for (const Arg& a : *dims) {
    const int64_t* given = a.integer();
    if (!given) return {1, 0};
    const int d = static_cast<int>(*given < 0 ? *given + rank : *given);
    r = {std::min(r.begin, d), std::max(r.end, d + 1)};
  }
  return r.end - r.begin == static_cast<int>(dims->size()) ? r : DimRange{1, 0};
}

// How many elements stand before those dimensions, in them and behind them.
inline std::array<Dim, 3> around(const Type& t, DimRange r) {
  std::array<Dim, 3> parts{1, 1, 1};
  for (int d = 0; d < t.rank(); ++d) {
    Dim& part = parts[d < r.begin ? 0 : d < r.end ? 1 : 2];
    for (int k = 0; k < kAssignments; ++k) part.at[k] *= t.sizes[static_cast<size_t>(d)].at[k];
  }
  return parts;
}

}  // namespace portfire::ir
