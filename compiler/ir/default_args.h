// Defaults of a schema, as Args.
#pragma once

#include "compiler/ir/graph.h"

namespace portfire::ir {

// The Arg that "`text`" (as the schema writes it: 1, 0.5, None, True, [], contiguous_format, "none",
// Mean) means for an argument of `type`.
Arg default_arg(const SchemaArg& arg);

}  // namespace portfire::ir
