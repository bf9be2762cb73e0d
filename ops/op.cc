#include "ops/op.h"

namespace portfire {

const Op* find_op(std::string_view name) {
  for (const OpTable& table : op_tables())
    for (size_t i = 0; i < table.count; ++i) {
      const std::string_view schema = table.ops[i].schema;
      if (schema.size() > name.size() && schema[name.size()] == '(' && schema.substr(0, name.size()) == name) return &table.ops[i];
    }
  return nullptr;
}

}  // namespace portfire
