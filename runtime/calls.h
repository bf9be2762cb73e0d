// What a call of an out-variant (ops/out_variants.h) becomes: calls of operators that this runtime has. It is made when a
// program is bound, and again where numbers or sizes have changed, always in the same piece of memory.
#pragma once

#include <initializer_list>

#include "core/arena.h"
#include "ops/op.h"
#include "ops/out_variants.h"

namespace portfire {

// A view of another value's memory. Where that lies may change from run to run.
struct Derived {
  TensorView* view;
  const TensorView* of;
  int64_t offset;  // bytes
};

struct Call {
  const Op* op = nullptr;
  std::span<const Value*> args;
  std::span<TensorView*> outs;
};

class Calls {
 public:
  // `args` are the functional operator's. Both outlive this.
  // `most`: elements that the first out has room for. `sampled`: sizes and numbers may not be those of a run yet, so nothing
  // is refused for them.
  Calls(Arena& arena, std::span<const Value* const> args, std::span<TensorView* const> outs, int64_t most = 0, bool sampled = false)
      : arena_(arena), given_(args), outs_(outs), most_(most), sampled_(sampled) {}

  const Value* arg(size_t i) const { return given_[i]; }
  Args args() const { return Args(given_); }
  TensorView& out(size_t k = 0) const { return *outs_[k]; }
  std::span<TensorView* const> outs() const { return outs_; }
  int64_t most() const { return most_; }
  bool sampled() const { return sampled_; }

  bool failed() const { return failed_; }

  // New values. Out of memory shows when a call is added.
  template <class T>
  const Value* value(T v) {
    return make(Value::of(v));
  }
  const Value* none() { return make(Value()); }
  const Value* ints(std::span<const int64_t> items);
  const Value* ints(std::initializer_list<int64_t> items) { return ints(std::span(items.begin(), items.size())); }
  const Value* dtype(DType t) { return value(static_cast<int64_t>(t)); }
  const Value* list(std::initializer_list<TensorView*> items);
  // A copy of the text, with `room` behind it: other numbers may be longer.
  const Value* text(std::string_view text, size_t room);
  // A view of `t`, for the caller to change; `shift` is where it begins, in bytes.
  TensorView* derive(const TensorView& t, int64_t shift = 0);

  // What is missing at the end of `args` is None. Code::bad_file where kinds are not those of the schema.
  Error add(std::string_view op, std::initializer_list<const Value*> args, std::initializer_list<TensorView*> outs);
  Error add(const Op& op, std::span<const Value* const> args, std::span<TensorView* const> outs);

  std::span<Call> calls() const { return {calls_, count_}; }
  std::span<const Derived> derived() const { return {derived_, derived_count_}; }

 private:
  const Value* make(const Value& v);
  template <class T>
  bool grow(T** items, size_t count);

  Arena& arena_;
  std::span<const Value* const> given_;
  std::span<TensorView* const> outs_;
  int64_t most_;
  bool sampled_;
  Call* calls_ = nullptr;
  Derived* derived_ = nullptr;
  size_t count_ = 0, derived_count_ = 0;
  bool failed_ = false;
  Value spare_;
  TensorView spare_view_;
};

// The arguments of the functional operator, made of the variant's.
Error map_arguments(const ops::OutVariant& form, std::span<const Value* const> given, std::span<TensorView* const> outs, Arena& arena,
                    std::span<const Value*>* mapped);

// An element-wise operator as a program of portfire::pointwise, for its kernels; `args` are the functional operator's. Of
// dtypes that those lack, and of operators that are not element-wise, it is the operator itself.
Error add_pointwise(Calls& c, const Op& op, std::span<const Value* const> args, TensorView& out);
// The values of `t`, broadcast to `sizes` and converted, into `out`.
Error add_copy(Calls& c, TensorView& t, TensorView& out, const Shape& sizes);

}  // namespace portfire
