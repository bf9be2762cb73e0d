// Checks that a program makes of its own inputs: the ranges and relations of sizes that the export
// recorded. They compute nothing; a violation ends the call with an error that says which size.
#pragma once

#include "ops/sym.h"

namespace portfire::ops::check {

struct CheckRange : sym::Scalars {
  static constexpr std::string_view schema =
      "portfire::check_range(SymInt value, int lower, int upper, str what) -> ()";
};
struct CheckEqual : sym::Scalars {
  static constexpr std::string_view schema = "portfire::check_equal(SymInt value, SymInt expected, str what) -> ()";
};

using Ops = OpList<CheckRange, CheckEqual>;

}  // namespace portfire::ops::check
