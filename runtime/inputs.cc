// What callers give a method.
#include <algorithm>
#include <cstring>

#include "kernels/copy/strided.h"
#include "ops/element.h"
#include "runtime/instruction.h"
#include "runtime/numbers.h"

namespace portfire {
namespace {

// "input 0 "mask"", for messages.
struct InputText {
  char text[96];
  InputText(size_t i, std::string_view name) {
    snprintf(text, sizeof text, "input %zu%s%.*s%s", i, name.empty() ? "" : " \"", static_cast<int>(name.size()), name.data(),
             name.empty() ? "" : "\"");
  }
  const char* c_str() const { return text; }
};

}  // namespace

Error Method::set_input(size_t i, const TensorView& t) {
  Input& in = inputs_[i];
  const size_t v = index_of(in.value);
  const auto where = [&] { return InputText(i, in.name); };
  if (in.value->kind != Value::Kind::tensor) {
    if (t.numel() != 1) return Error::make(Code::bad_argument, "%s: expected one number, got %s", where().c_str(), TypeText(t).c_str());
    return set_input(i, in.value->kind == Value::Kind::real ? Value::of(ops::load_real(t, 0)) : Value::of(ops::load_int(t, 0)));
  }
  const pte::Tensor& file = *tensors_[v].file;
  TensorView& to = *in.value->tensor;
  const Shape declared = shape_of(file);
  int64_t bytes = 0;
  bool fits = t.dtype == to.dtype && t.rank() == declared.rank && checked_bytes(t.dtype, t.shape, &bytes);
  for (int d = 0; fits && d < declared.rank; ++d)
    fits = in.dynamism == 0 ? t.size(d) == declared.sizes[d] : in.dynamism == 2 || t.size(d) <= declared.sizes[d];
  if (!fits)
    return Error::make(Code::bad_argument, "%s: wrong type (expected %s%s, got %s)", where().c_str(),
                       in.dynamism ? "at most " : "", TypeText(to.dtype, declared).c_str(), TypeText(t).c_str());
  if (!in.planned && !t.is_contiguous())
    return Error::make(Code::bad_argument, "%s: strides are not row-major (expected contiguous)", where().c_str());
  if (reinterpret_cast<uintptr_t>(t.data) % std::min<size_t>(byte_size(t.dtype), 8) != 0)
    return Error::make(Code::bad_argument, "%s: its data is not aligned to its elements", where().c_str());
  if (in.planned) {
    PF_TRY(resize(v, {t.dtype, t.shape}));
    if (bytes && t.is_contiguous() && to.is_contiguous())
      std::memcpy(to.data, t.data, static_cast<size_t>(bytes));
    else if (bytes)
      copy::copy(to, t, options_.pool);
    return {};
  }
  if (!(to.shape == t.shape)) ++versions_[v];
  to.shape = t.shape;
  to.set_contiguous();
  to.data = t.data;
  return {};
}

Error Method::set_input(size_t i, const Value& number) {
  Value& to = *inputs_[i].value;
  if (!is_number(to.kind) || !is_number(number.kind))
    return Error::make(Code::bad_argument, "input %zu: expected %s, got %s", i, name_of(to.kind), name_of(number.kind));
  if (inputs_[i].fixed) {
    const double made_for = as_double(to), got = as_double(number);
    if (made_for == got) return {};
    return Error::make(Code::bad_argument, "input %zu: the program was made for %g (got %g)", i, made_for, got);
  }
  assign_number(&to, number);
  ++versions_[index_of(&to)];
  return {};
}

}  // namespace portfire
