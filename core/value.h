// Value: one argument of an operator, as the runtime holds it and as shape inference sees it.
// It owns nothing; what it points to lives in the method's arena, the mapped file or the compiler.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/tensor_view.h"

namespace portfire {

struct Value;

// A list of integers whose items may be produced while the program runs. `items` (null where all
// are fixed) names the values to read anew before each use; `data` holds the integers themselves.
struct IntList {
  int64_t* data = nullptr;
  uint32_t count = 0;
  const Value* const* items = nullptr;
};

struct Value {
  // dtypes, layouts and memory formats are integers, as in `.pte`.
  enum class Kind : uint8_t {
    none, integer, boolean, real, tensor, string, int_list, real_list, bool_list, tensor_list
  };
  Kind kind = Kind::none;
  union {
    int64_t integer = 0;
    bool boolean;
    double real;
    TensorView* tensor;
    std::string_view string;
    IntList ints;
    std::span<const double> reals;
    std::span<const bool> booleans;
    std::span<TensorView* const> tensors;  // null where an optional tensor is absent
  };

  Value() : integer(0) {}
  static Value of(int64_t i) { Value v; v.kind = Kind::integer; v.integer = i; return v; }
  static Value of(bool b) { Value v; v.kind = Kind::boolean; v.boolean = b; return v; }
  static Value of(double d) { Value v; v.kind = Kind::real; v.real = d; return v; }
  static Value of(TensorView* t) { Value v; v.kind = Kind::tensor; v.tensor = t; return v; }
  static Value of(std::string_view s) { Value v; v.kind = Kind::string; v.string = s; return v; }
  static Value of(IntList l) { Value v; v.kind = Kind::int_list; v.ints = l; return v; }
  static Value of(std::span<const double> l) { Value v; v.kind = Kind::real_list; v.reals = l; return v; }
  static Value of(std::span<const bool> l) { Value v; v.kind = Kind::bool_list; v.booleans = l; return v; }
  static Value of(std::span<TensorView* const> l) { Value v; v.kind = Kind::tensor_list; v.tensors = l; return v; }
};

const char* name_of(Value::Kind kind);

}  // namespace portfire
