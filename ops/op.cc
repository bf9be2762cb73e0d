#include "ops/op.h"

namespace portfire {

const Op* find_op(std::string_view name) {
  for (const OpTable& table : op_tables())
    for (size_t i = 0; i < table.count; ++i)
      if (table.ops[i].name() == name) return &table.ops[i];
  return nullptr;
}

}  // namespace portfire
