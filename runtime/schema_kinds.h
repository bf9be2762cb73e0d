// Whether values are of the kinds that an operator's schema wants. Files are untrusted: without it
// a kernel would read a number as a tensor.
#pragma once

#include <span>
#include <string_view>

#include "core/error.h"
#include "core/value.h"

namespace portfire {

Error check_kinds(std::string_view schema, std::span<const Value* const> args);

}  // namespace portfire
