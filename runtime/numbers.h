// Values that are numbers.
#pragma once

#include "runtime/method.h"

namespace portfire {

inline bool is_number(Value::Kind kind) {
  return kind == Value::Kind::integer || kind == Value::Kind::boolean || kind == Value::Kind::real;
}

inline double as_double(const Value& v) {
  return v.kind == Value::Kind::real ? v.real : static_cast<double>(v.kind == Value::Kind::boolean ? v.boolean : v.integer);
}

// A number of the kind that `to` has: what depends on it was bound for that kind.
inline void assign_number(Value* to, const Value& from) {
  const bool is_real = from.kind == Value::Kind::real;
  const int64_t whole = is_real ? static_cast<int64_t>(from.real) : from.kind == Value::Kind::boolean ? from.boolean : from.integer;
  switch (to->kind) {
    case Value::Kind::real: to->real = is_real ? from.real : static_cast<double>(whole); break;
    case Value::Kind::boolean: to->boolean = is_real ? from.real != 0 : whole != 0; break;
    default: to->integer = whole;
  }
}

}  // namespace portfire
