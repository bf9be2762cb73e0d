#include "core/value.h"

namespace portfire {

const char* name_of(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::none: return "None";
    case Value::Kind::integer: return "int";
    case Value::Kind::boolean: return "bool";
    case Value::Kind::real: return "float";
    case Value::Kind::tensor: return "Tensor";
    case Value::Kind::string: return "str";
    case Value::Kind::int_list: return "int[]";
    case Value::Kind::real_list: return "float[]";
    case Value::Kind::bool_list: return "bool[]";
    case Value::Kind::tensor_list: return "Tensor[]";
  }
  return "?";
}

}  // namespace portfire
