#include "runtime/expansions.h"

namespace portfire {

const Expansion* find_expansion(std::string_view functional) {
  for (const auto& family : {pointwise_expansions(), part_expansions(), layer_expansions()})
    for (const Expansion& e : family)
      if (e.name() == functional) return &e;
  return nullptr;
}

}  // namespace portfire
