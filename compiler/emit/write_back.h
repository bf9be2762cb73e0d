// Where state, and inputs that a program writes to, take their new values.
#pragma once

#include <utility>
#include <vector>

#include "compiler/emit/lower.h"

namespace portfire::emit {

// Adds to the code what writes each second value into the memory of the first: as early as nothing reads the old content any more, the
// new value is known, and every check of the program has passed (a call that fails changes nothing). Where the new value can be
// computed right in that memory nothing is added, it becomes an entry of `program->in_state`. What else shows memory that is about to be
// written is copied before.
void write_back(Lowered* program, std::vector<std::pair<ValueId, ValueId>> writes);

}  // namespace portfire::emit
