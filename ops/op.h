// What an operator is. Each file of ops/ defines one operator (or one tight family) as structs:
//
//   // aten::_softmax: y_i = exp(x_i - max x) / sum_j exp(x_j - max x) along `dim`.
//   struct Softmax {
//     static constexpr std::string_view schema =
//         "aten::_softmax(Tensor self, int dim, bool half_to_float) -> Tensor";
//     static Error infer(const Args& a, std::span<TensorSpec> outs);      // dtypes and shapes
//     static Error reference(const Args& a, std::span<TensorView> outs);  // obvious and wide
//     template <class G> static void decompose(G& g);                     // into other operators
//   };
//   using Ops = OpList<Softmax, ...>;
//
// inside `namespace portfire::ops::<file name>`. The build finds the files by itself and makes the
// tables (cmake/ops.cmake). An operator without `reference` is composite: the compiler always
// decomposes it. One with both is kept whole where it can be, decomposed where that serves;
// `template <class G> static bool whole(G& g)` says where it cannot (false: always decomposed, the
// reference is there for programs that other compilers made).
//
// A view defines `view` in place of `infer` and `reference`; it must not touch element data.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <string>  // these two for decompositions, which only the host instantiates
#include <vector>

#include "core/error.h"
#include "core/value.h"

namespace portfire {

struct TensorSpec {
  DType dtype = DType::f32;
  Shape shape;
};

// A number with its kind, since PyTorch's type promotion depends on it.
struct Scalar {
  Value::Kind kind = Value::Kind::integer;  // integer, boolean or real
  int64_t i = 0;
  double d = 0;
  bool is_real() const { return kind == Value::Kind::real; }
  double as_double() const { return is_real() ? d : static_cast<double>(i); }
  int64_t as_int() const { return is_real() ? static_cast<int64_t>(d) : i; }
};

// What a call may use beside its arguments. Device code has no heap: an operator that needs memory
// says how much (`scratch`), and the runtime lends it for the time of the call.
struct CallContext {
  std::span<std::byte> scratch;    // 64-byte aligned
  uint64_t* random_counter = nullptr;  // state of the method's counter-based generator
  // Shape inference with samples of symbolic sizes. What the program makes sure of (an index in range,
  // a product that divides) need not hold of them: views guess rather than refuse.
  bool sampled = false;
};

// The arguments of one call in the order of the schema, defaults filled in. Kinds have been checked
// against the schema when the program was compiled or bound; None is possible where the schema
// says `?`. During shape inference tensors have no data.
class Args {
 public:
  explicit Args(std::span<const Value* const> values, CallContext context = {})
      : values_(values), context_(context) {}

  const CallContext& context() const { return context_; }

  size_t size() const { return values_.size(); }
  const Value& operator[](size_t i) const { return *values_[i]; }
  bool none(size_t i) const { return values_[i]->kind == Value::Kind::none; }

  const TensorView& tensor(size_t i) const { return *values_[i]->tensor; }
  const TensorView* optional_tensor(size_t i) const { return none(i) ? nullptr : values_[i]->tensor; }
  std::span<TensorView* const> tensors(size_t i) const { return values_[i]->tensors; }

  int64_t integer(size_t i, int64_t if_none = 0) const { return none(i) ? if_none : scalar(i).as_int(); }
  double real(size_t i, double if_none = 0) const { return none(i) ? if_none : scalar(i).as_double(); }
  bool boolean(size_t i, bool if_none = false) const { return none(i) ? if_none : scalar(i).as_int() != 0; }
  DType dtype(size_t i, DType if_none) const {
    return none(i) ? if_none : static_cast<DType>(values_[i]->integer);
  }
  std::string_view string(size_t i) const { return none(i) ? std::string_view() : values_[i]->string; }
  Scalar scalar(size_t i) const {
    const Value& v = *values_[i];
    switch (v.kind) {
      case Value::Kind::real: return {v.kind, 0, v.real};
      case Value::Kind::boolean: return {v.kind, v.boolean, 0};
      default: return {Value::Kind::integer, v.integer, 0};
    }
  }
  // Empty where the argument is None.
  std::span<const int64_t> ints(size_t i) const {
    if (none(i)) return {};
    return {values_[i]->ints.data, values_[i]->ints.count};
  }
  std::span<const double> reals(size_t i) const { return none(i) ? std::span<const double>() : values_[i]->reals; }
  std::span<const bool> booleans(size_t i) const { return none(i) ? std::span<const bool>() : values_[i]->booleans; }

 private:
  std::span<const Value* const> values_;
  CallContext context_;
};

using InferFn = Error (*)(const Args&, std::span<TensorSpec> outs);
using ReferenceFn = Error (*)(const Args&, std::span<TensorView> outs);
using ViewFn = Error (*)(const Args&, TensorView& out);
using ScratchFn = size_t (*)(const Args&);

// An operator as the device knows it.
struct Op {
  std::string_view schema;
  InferFn infer = nullptr;          // null for views
  ReferenceFn reference = nullptr;  // null for views
  ViewFn view = nullptr;            // sets data, dtype, sizes and strides of an alias of argument 0
  ScratchFn scratch = nullptr;      // bytes that `reference` needs for arguments of these shapes
  // The sizes that `infer` gives are upper bounds; `reference` lowers outs[i].shape to the real ones.
  bool data_dependent = false;
  // Draws from context().random_counter: two calls with the same arguments differ.
  bool random = false;
  uint8_t args = 0, outs = 0;

  std::string_view name() const { return schema.substr(0, schema.find('(')); }  // "aten::add.Tensor"
};

template <class... T>
struct OpList {};

// Counting parentheses and commas is all the device needs of a schema.
constexpr uint8_t count_items(std::string_view list) {
  int depth = 0, items = 0;
  bool any = false, star = false;
  for (char c : list) {
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') --depth;
    if (c == ',' && depth == 0) {
      items += any && !star;
      any = star = false;
    } else if (c != ' ') {
      star = c == '*' && !any;  // the bare `*` before keyword-only arguments
      any = true;
    }
  }
  return static_cast<uint8_t>(items + (any && !star));
}
constexpr size_t close_of_args(std::string_view schema) {
  int depth = 0;
  for (size_t i = schema.find('('); i < schema.size(); ++i) {
    if (schema[i] == '(') ++depth;
    if (schema[i] == ')' && --depth == 0) return i;
  }
  return schema.size();
}
constexpr uint8_t count_args(std::string_view schema) {
  const size_t open = schema.find('('), close = close_of_args(schema);
  return count_items(schema.substr(open + 1, close - open - 1));
}
constexpr uint8_t count_returns(std::string_view schema) {
  std::string_view rest = schema.substr(close_of_args(schema) + 1);
  rest = rest.substr(rest.find("->") + 2);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  if (!rest.empty() && rest.front() == '(') rest = rest.substr(1, rest.size() - 2);
  return count_items(rest);
}

template <class T>
constexpr Op make_op() {
  Op op{.schema = T::schema, .args = count_args(T::schema), .outs = count_returns(T::schema)};
  if constexpr (requires { T::view; }) op.view = &T::view;
  if constexpr (requires { T::infer; }) op.infer = &T::infer;
  if constexpr (requires { T::reference; }) op.reference = &T::reference;
  if constexpr (requires { T::scratch; }) op.scratch = &T::scratch;
  if constexpr (requires { T::data_dependent; }) op.data_dependent = T::data_dependent;
  if constexpr (requires { T::random; }) op.random = T::random;
  return op;
}

// The operators of one file that run on the device, for the generated tables.
template <class T>
concept Runnable = requires { T::view; } || requires { T::reference; };

struct OpTable {
  const Op* ops;
  size_t count;
};
template <class... T>
constexpr auto make_table(OpList<T...>) {
  constexpr size_t kCount = (size_t{0} + ... + size_t{Runnable<T>});
  struct {
    Op ops[kCount ? kCount : 1];
    size_t count = kCount;
  } table{};
  size_t i = 0;
  ((Runnable<T> ? void(table.ops[i++] = make_op<T>()) : void()), ...);
  return table;
}

// All device operators, a table for each file of ops/ (generated).
std::span<const OpTable> op_tables();
// Null where there is none of that name ("aten::add.Tensor").
const Op* find_op(std::string_view name);

}  // namespace portfire
