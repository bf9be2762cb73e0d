// How operators that have no code of their own here are made of others: by families, a file for each.
#pragma once

#include "runtime/pointwise_text.h"

namespace portfire {

// How the functional operator of that schema is made of others.
struct Expansion {
  std::string_view schema;
  Error (*expand)(Calls& c);
  std::string_view name() const { return schema.substr(0, schema.find('(')); }
};
// Null where there is none of that name.
const Expansion* find_expansion(std::string_view functional);

std::span<const Expansion> pointwise_expansions();  // expand_pointwise.cc
std::span<const Expansion> part_expansions();       // expand_parts.cc
std::span<const Expansion> layer_expansions();      // expand_layers.cc

namespace expand {

using Operand = PointwiseText::Operand;

inline TensorView& tensor(Calls& c, size_t i) { return *c.arg(i)->tensor; }

// Whether programs of portfire::pointwise take it.
inline Error check_dtype(const TensorView& t) {
  return is_pointwise_dtype(t.dtype) ? Error() : Error::make(Code::unsupported, "an operand of dtype %s", name_of(t.dtype));
}

}  // namespace expand
}  // namespace portfire
