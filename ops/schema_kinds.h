// Whether values are of the kinds that an operator's schema wants. Files are untrusted: without it
// a kernel would read a number as a tensor.
#pragma once

#include <span>
#include <string_view>

#include "core/error.h"
#include "core/value.h"
#include "ops/op.h"

namespace portfire {

// Calls f(i, type) for each argument of a schema, types as written: "Tensor(a!)", "SymInt[2]", "Tensor?[]".
template <class F>
void for_each_argument(std::string_view schema, F f) {
  const size_t open = schema.find('('), close = close_of_args(schema);
  const std::string_view list = schema.substr(open + 1, close - open - 1);
  size_t i = 0, start = 0;
  int depth = 0;
  for (size_t at = 0; at <= list.size(); ++at) {
    if (at < list.size() && (list[at] == '(' || list[at] == '[')) ++depth;
    if (at < list.size() && (list[at] == ')' || list[at] == ']')) --depth;
    if (at < list.size() && (list[at] != ',' || depth > 0)) continue;
    std::string_view item = list.substr(start, at - start);
    start = at + 1;
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    if (!item.empty() && item != "*") f(i++, item.substr(0, item.find(' ')));
  }
}

// Whether an argument of this type is a number that stands for something else than itself: it must be known when
// a call is bound.
bool is_enumeration(std::string_view type);
// Whether the operator writes to an argument of this type: "Tensor(a!)".
inline bool is_written(std::string_view type) { return type.find('!') != type.npos; }

// Code::bad_file where there are too few values or one is of another kind than the schema says.
Error check_kinds(std::string_view schema, std::span<const Value* const> args);

}  // namespace portfire
