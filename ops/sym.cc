#include "ops/sym.h"

#include <cmath>
#include <cstring>

#include "ops/element.h"

namespace portfire::ops::sym {
namespace {

double floor_divide(double x, double y) { return std::floor(x / y); }
int64_t floor_divide(int64_t x, int64_t y) {
  if (y == 0 || (y == -1 && x == INT64_MIN)) return 0;
  return x / y - (x % y != 0 && (x < 0) != (y < 0));
}
double modulo(double x, double y) { return x - y * std::floor(x / y); }
int64_t modulo(int64_t x, int64_t y) { return y == 0 || y == -1 ? 0 : x - y * floor_divide(x, y); }
double power(double x, double y) { return std::pow(x, y); }
int64_t power(int64_t x, int64_t y) {
  if (x == 0 || x == 1 || y <= 0) return x == 0 && y > 0 ? 0 : 1;
  if (x == -1) return y % 2 ? -1 : 1;
  int64_t r = 1;
  for (; y > 0; --y)  // overflows after 63 rounds at the latest
    if (__builtin_mul_overflow(r, x, &r)) return 0;
  return r;
}

bool is_predicate(std::string_view n) {
  return n == "eq" || n == "ne" || n == "lt" || n == "le" || n == "gt" || n == "ge" || n == "sym_not";
}

constexpr std::string_view kPrefix = "executorch_prim::", kSuffix = ".Scalar";

bool binary(std::string_view n, double x, double y, double* out) {
#define X(type, name, real, integer) if (n == name) { *out = static_cast<double>(real); return true; }
  PF_SYM_BINARIES(X)
#undef X
  return false;
}
bool binary(std::string_view n, int64_t x, int64_t y, int64_t* out) {
  if (n == "add") return !__builtin_add_overflow(x, y, out);
  if (n == "sub") return !__builtin_sub_overflow(x, y, out);
  if (n == "mul") return !__builtin_mul_overflow(x, y, out);
  if ((n == "floordiv" || n == "mod") && y == 0) return false;
#define X(type, name, real, integer) if (n == name) { *out = static_cast<int64_t>(integer); return true; }
  PF_SYM_BINARIES(X)
#undef X
  return false;
}
bool unary(std::string_view n, double x, double* out) {
#define X(type, name, real, integer) if (n == name) { *out = static_cast<double>(real); return true; }
  PF_SYM_UNARIES(X)
#undef X
  return false;
}
bool unary(std::string_view n, int64_t x, int64_t* out) {
#define X(type, name, real, integer) if (n == name) { *out = static_cast<int64_t>(integer); return true; }
  PF_SYM_UNARIES(X)
#undef X
  return false;
}

Value integer_or_predicate(std::string_view n, int64_t i) {
  return is_predicate(n) ? Value::of(i != 0) : Value::of(i);
}

}  // namespace

bool is_sym_op(std::string_view name) {
  return name.substr(0, kPrefix.size()) == kPrefix || name == "aten::sym_size.int" || name == "aten::sym_numel" ||
         name == "aten::_local_scalar_dense" || name == "portfire::check_range" || name == "portfire::check_equal";
}

void usual_name(char* name) {
  for (const char* other : {"executorch_prim::floordiv.int", "executorch_prim::mod.int"})
    if (std::strcmp(name, other) == 0) std::strcpy(name + std::strlen(name) - std::strlen("int"), "Scalar");
}

Error evaluate(std::string_view name, const Args& a, Value* out) {
  if (name == "portfire::check_range" || name == "portfire::check_equal") {
    const int64_t value = a.integer(0), lower = a.integer(1);
    const bool range = name == "portfire::check_range";
    const int64_t upper = range ? a.integer(2) : lower;
    *out = Value();
    if (value >= lower && value <= upper) return {};
    const std::string_view what = a.string(range ? 3 : 2);
    char expected[64];
    if (lower == upper)
      snprintf(expected, sizeof expected, "%lld", static_cast<long long>(lower));
    else if (upper == INT64_MAX)
      snprintf(expected, sizeof expected, "at least %lld", static_cast<long long>(lower));
    else
      snprintf(expected, sizeof expected, "%lld to %lld", static_cast<long long>(lower), static_cast<long long>(upper));
    return Error::make(Code::bad_argument, "%.*s (expected %s, got %lld)", static_cast<int>(what.size()), what.data(),
                       expected, static_cast<long long>(value));
  }
  if (name == "aten::sym_size.int") {
    int dim;
    PF_TRY(wrap_dim(a.integer(1), a.tensor(0).rank(), &dim));
    *out = Value::of(a.tensor(0).size(dim));
    return {};
  }
  if (name == "aten::sym_numel") {
    *out = Value::of(a.tensor(0).numel());
    return {};
  }
  if (name == "aten::_local_scalar_dense") {
    const TensorView& t = a.tensor(0);
    if (t.numel() != 1)
      return Error::make(Code::failed, "item() of %s (expected one element)", TypeText(t).c_str());
    if (t.data == nullptr) {
      *out = is_floating(t.dtype) ? Value::of(0.0) : Value::of(int64_t{0});
    } else if (is_floating(t.dtype)) {
      *out = Value::of(load_real(t, 0));
    } else if (t.dtype == DType::boolean) {
      *out = Value::of(load_int(t, 0) != 0);
    } else {
      *out = Value::of(load_int(t, 0));
    }
    return {};
  }
  const std::string_view n = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  bool ok;
  if (n == "sym_ite") {
    *out = a[a.scalar(0).as_double() != 0 ? 1 : 2];
    return {};
  }
  if (a.size() >= 2) {
    const Scalar x = a.scalar(0), y = a.scalar(1);
    if (x.is_real() || y.is_real() || n == "truediv") {
      double d = 0;
      ok = binary(n, x.as_double(), y.as_double(), &d);
      *out = is_predicate(n) ? Value::of(d != 0) : Value::of(d);
    } else {
      int64_t i = 0;
      ok = binary(n, x.i, y.i, &i);
      const bool both_bool = x.kind == Value::Kind::boolean && y.kind == Value::Kind::boolean;
      *out = both_bool && (n == "bitwise_and" || n == "bitwise_or") ? Value::of(i != 0) : integer_or_predicate(n, i);
    }
  } else {
    const Scalar x = a.scalar(0);
    if (n == "sym_float" || n == "sym_sqrt") {
      *out = Value::of(n == "sym_sqrt" ? std::sqrt(x.as_double()) : x.as_double());
      ok = true;
    } else if (x.is_real()) {
      double d = 0;
      ok = unary(n, x.d, &d);
      const bool to_integer = n == "trunc" || n == "ceil" || n == "floor" || n == "round" || n == "sym_int";
      *out = to_integer ? Value::of(static_cast<int64_t>(d)) : is_predicate(n) ? Value::of(d != 0) : Value::of(d);
    } else {
      int64_t i = 0;
      ok = unary(n, x.i, &i);
      *out = integer_or_predicate(n, i);
    }
  }
  if (!ok)
    return Error::make(Code::failed, "%.*s of these numbers overflows or divides by zero", static_cast<int>(n.size()), n.data());
  return {};
}

}  // namespace portfire::ops::sym
