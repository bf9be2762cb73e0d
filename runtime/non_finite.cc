#include "runtime/non_finite.h"

#include <cmath>

#include "ops/element.h"

namespace portfire {
namespace {

struct Watch {
  Method& method;
  bool nan;
  NonFinite found;
  bool operands_clean = true;

  // The first tensor argument with such a number; null where there is none.
  const TensorView* dirty_operand(const Method::InstructionInfo& in) const {
    for (const Value* v : in.args) {
      if (v->kind == Value::Kind::tensor && has_non_finite(*v->tensor, nan)) return v->tensor;
      if (v->kind == Value::Kind::tensor_list)
        for (const TensorView* t : v->tensors)
          if (t && has_non_finite(*t, nan)) return t;
    }
    return nullptr;
  }

  void look(size_t index, bool done) {
    if (found.instruction != SIZE_MAX) return;
    const Method::InstructionInfo in = method.instruction(index);
    if (in.by != Method::RunBy::kernel && in.by != Method::RunBy::reference) return;
    if (!done) {  // before: results may lie where operands do
      const TensorView* dirty = dirty_operand(in);
      operands_clean = !dirty;
      if (!found.operand) found.operand = dirty;
      return;
    }
    if (!operands_clean) return;
    for (const TensorView* t : in.outs)
      if (t && has_non_finite(*t, nan)) found.instruction = index;
  }
};

}  // namespace

bool has_non_finite(const TensorView& t, bool nan) {
  if (!is_floating(t.dtype) || !t.data) return false;
  for (ops::Index i(t.shape); i.valid(); i.next()) {
    const double x = ops::load_real(t, i.offset(t));
    if (nan ? std::isnan(x) : std::isinf(x)) return true;
  }
  return false;
}

NonFinite find_non_finite(Method& method, bool nan) {
  Watch watch{method, nan, {}};
  const Error expected = method.execute({[](void* context, size_t instruction, bool done) { static_cast<Watch*>(context)->look(instruction, done); }, &watch});
  (void)expected.ok();  // it ends where the call ended before
  return watch.found;
}

}  // namespace portfire
