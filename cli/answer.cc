#include "cli/answer.h"

#include "ops/element.h"

namespace portfire::cli {

Array answer_of(const Value& v) {
  switch (v.kind) {
    case Value::Kind::tensor: return convert(*v.tensor, v.tensor->dtype);
    case Value::Kind::real: {
      Array a(DType::f64, Shape());
      ops::store_real(a.view, 0, v.real);
      return a;
    }
    case Value::Kind::boolean: {
      Array a(DType::boolean, Shape());
      ops::store_int(a.view, 0, v.boolean);
      return a;
    }
    default: {
      Array a(DType::i64, Shape());
      ops::store_int(a.view, 0, v.integer);
      return a;
    }
  }
}

}  // namespace portfire::cli
