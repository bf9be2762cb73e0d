// One call of an operator's reference, for tests: arguments in the order of its schema, results as numbers.
#pragma once

#include <deque>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "ops/element.h"

namespace portfire::ops {

class Call {
 public:
  explicit Call(std::string_view name) : op_(find_op(name)) { EXPECT_NE(op_, nullptr) << name; }
  Call& tensor(DType t, std::vector<int64_t> sizes, const std::vector<double>& numbers) {
    values_.push_back(Value::of(&make(t, sizes)));
    TensorView& v = *values_.back().tensor;
    for (size_t i = 0; i < numbers.size(); ++i) store_real(v, static_cast<int64_t>(i), numbers[i]);
    return *this;
  }
  Call& number(int64_t n) { return add(Value::of(n)); }
  Call& real(double x) { return add(Value::of(x)); }
  Call& flag(bool b) { return add(Value::of(b)); }
  Call& none() { return add({}); }
  Error run() {
    std::vector<const Value*> args;
    for (const Value& v : values_) args.push_back(&v);
    TensorSpec specs[3];
    PF_TRY(op_->infer(Args(args), {specs, op_->outs}));
    for (size_t i = 0; i < op_->outs; ++i) outs_.push_back(make(specs[i].dtype, {specs[i].shape.dims().begin(), specs[i].shape.dims()
        .end()}));
    std::vector<std::byte> scratch(op_->scratch ? op_->scratch(Args(args)) : 0);
    return op_->reference(Args(args, {scratch}), outs_);
  }
  std::vector<double> result(size_t i = 0) {
    const Error e = outs_.empty() ? run() : Error();
    EXPECT_TRUE(e.ok()) << e.text();
    return e.ok() ? numbers(outs_[i]) : std::vector<double>();
  }
  std::vector<double> argument(size_t i) { return numbers(*values_[i].tensor); }

 private:
  static std::vector<double> numbers(const TensorView& t) {
    std::vector<double> all;
    for (Index at(t.shape); at.valid(); at.next()) all.push_back(load_real(t, at.offset(t)));
    return all;
  }
  Call& add(Value v) {
    values_.push_back(v);
    return *this;
  }
  TensorView& make(DType t, const std::vector<int64_t>& sizes) {
    TensorView& v = views_.emplace_back();
    v.dtype = t;
    for (int64_t s : sizes) v.shape.push(s);
    v.set_contiguous();
    v.data = memory_.emplace_back(v.bytes() + 8).data();
    return v;
  }
  const Op* op_;
  std::deque<Value> values_;
  std::deque<TensorView> views_;
  std::deque<std::vector<std::byte>> memory_;
  std::vector<TensorView> outs_;
};

}  // namespace portfire::ops
