// Calls that fuzzing found to break operators: no argument that a file may hold makes one read or write outside its tensors,
// divide by zero or run for ever.
#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include "ops/op.h"
#include "ops/sym.h"

namespace portfire::ops {
namespace {

class Call {
 public:
  explicit Call(std::string_view name) : op_(find_op(name)) { EXPECT_NE(op_, nullptr) << name; }

  Call& tensor(DType dtype, std::initializer_list<int64_t> sizes) {
    TensorView& t = tensors_.emplace_back();
    t.dtype = dtype;
    for (int64_t s : sizes) t.shape.push(s);
    t.set_contiguous();
    return add(Value::of(&t));
  }
  Call& ints(std::vector<int64_t> list) {
    auto& held = ints_.emplace_back(std::move(list));
    return add(Value::of(IntList{held.data(), static_cast<uint32_t>(held.size())}));
  }
  Call& number(int64_t n) { return add(Value::of(n)); }
  Call& boolean(bool b) { return add(Value::of(b)); }
  Call& none() { return add({}); }
  Call& text(std::string_view s) { return add(Value::of(s)); }
  Call& real(double x) { return add(Value::of(x)); }

  Code infer() {
    TensorSpec specs[8];
    return op_->infer(args(), {specs, op_->outs}).code();
  }
  Value evaluate() {
    Value out;
    EXPECT_TRUE(sym::evaluate(op_->name(), args(), &out).ok());
    return out;
  }

 private:
  Call& add(Value v) {
    values_.push_back(v);
    return *this;
  }
  Args args() {
    pointers_.clear();
    for (const Value& v : values_) pointers_.push_back(&v);
    return Args(pointers_);
  }

  const Op* op_;
  std::deque<TensorView> tensors_;
  std::deque<std::vector<int64_t>> ints_;
  std::deque<Value> values_;
  std::vector<const Value*> pointers_;
};

TEST(Hostile, PaddingOfRank0) {
  EXPECT_EQ(Call("aten::reflection_pad1d").tensor(DType::f32, {}).ints({}).infer(), Code::bad_argument);
  EXPECT_EQ(Call("aten::_pad_circular").tensor(DType::f32, {}).ints({}).infer(), Code::bad_argument);
}

TEST(Hostile, PaddingWhoseSumWraps) {
  EXPECT_EQ(Call("aten::constant_pad_nd").tensor(DType::f32, {4}).ints({INT64_MAX, 1}).number(0).infer(), Code::bad_argument);
}

TEST(Hostile, RollWithoutShifts) {
  EXPECT_EQ(Call("aten::roll").tensor(DType::f32, {3}).ints({}).ints({}).infer(), Code::bad_argument);
  EXPECT_EQ(Call("aten::roll").tensor(DType::f32, {3}).ints({1}).ints({}).infer(), Code::ok);
}

TEST(Hostile, FillWithATensorOfRank1) {
  EXPECT_EQ(Call("aten::fill.Tensor").tensor(DType::f32, {8}).tensor(DType::f32, {2}).infer(), Code::bad_argument);
  EXPECT_EQ(Call("aten::fill.Tensor").tensor(DType::f32, {8}).tensor(DType::f32, {}).infer(), Code::ok);
}

TEST(Hostile, GradientThatNoPoolingGave) {
  auto pool = [](std::initializer_list<int64_t> gradient) {
    return Call("aten::avg_pool2d_backward").tensor(DType::f32, gradient).tensor(DType::f32, {1, 4, 4}).ints({2, 2}).ints({})
        .ints({0, 0}).boolean(false).boolean(true).none().infer();
  };
  EXPECT_EQ(pool({1, 2, 2}), Code::ok);
  EXPECT_EQ(pool({1, 9, 9}), Code::bad_argument);
  EXPECT_EQ(pool({0, 2, 2}), Code::bad_argument);
  auto adaptive = [](std::initializer_list<int64_t> gradient, std::initializer_list<int64_t> input) {
    return Call("aten::_adaptive_avg_pool2d_backward").tensor(DType::f32, gradient).tensor(DType::f32, input).infer();
  };
  EXPECT_EQ(adaptive({3, 2, 2}, {3, 4, 4}), Code::ok);
  EXPECT_EQ(adaptive({2, 2, 2}, {3, 4, 4}), Code::bad_argument);
  EXPECT_EQ(adaptive({2, 2}, {3, 4, 4}), Code::bad_argument);
}

TEST(Hostile, DistancesOfMorePairsThanCanBeCounted) {
  // n (n - 1) / 2 wraps to a small number for some n.
  EXPECT_EQ(Call("aten::_pdist_forward").tensor(DType::f32, {(int64_t{1} << 33) + 1, 0}).real(2).infer(), Code::bad_argument);
}

TEST(Hostile, GradientOfDistancesThatAreNone) {
  auto cdist = [](std::initializer_list<int64_t> gradient, std::initializer_list<int64_t> distances) {
    return Call("aten::_cdist_backward").tensor(DType::f32, gradient).tensor(DType::f32, {2, 3, 4}).tensor(DType::f32, {5, 4}).real(2)
        .tensor(DType::f32, distances).infer();
  };
  EXPECT_EQ(cdist({2, 3, 5}, {2, 3, 5}), Code::ok);
  EXPECT_EQ(cdist({2, 3, 6}, {2, 3, 5}), Code::bad_argument);
  EXPECT_EQ(cdist({2, 3, 5}, {3, 5}), Code::bad_argument);
  auto pdist = [](std::initializer_list<int64_t> gradient) {
    return Call("aten::_pdist_backward").tensor(DType::f32, gradient).tensor(DType::f32, {3, 4}).real(2).tensor(DType::f32, {3}).infer();
  };
  EXPECT_EQ(pdist({3}), Code::ok);
  EXPECT_EQ(pdist({4}), Code::bad_argument);
}

TEST(Hostile, GradientThatNoResamplingGave) {
  auto nearest = [](std::initializer_list<int64_t> gradient, std::initializer_list<int64_t> input) {
    return Call("aten::upsample_nearest1d_backward").tensor(DType::f32, gradient).ints({4}).ints(input).none().infer();
  };
  EXPECT_EQ(nearest({1, 2, 4}, {1, 2, 2}), Code::ok);
  EXPECT_EQ(nearest({1, 2, 5}, {1, 2, 2}), Code::bad_argument);
  EXPECT_EQ(nearest({1, 2, 4}, {1, 3, 2}), Code::bad_argument);
  EXPECT_EQ(nearest({1, 2, 4}, {1, 2, 0}), Code::bad_argument);
}

TEST(Hostile, PackedWeightsThatDoNotFit) {
  auto linear = [](DType dtype, std::initializer_list<int64_t> packed, int64_t n) {
    return Call("portfire::packed_linear").tensor(DType::f32, {2, 5}).tensor(dtype, packed).none().none().number(n).text("").infer();
  };
  EXPECT_EQ(linear(DType::f32, {2, 5, 32}, 33), Code::ok);
  EXPECT_EQ(linear(DType::bf16, {3, 3, 16, 2}, 33), Code::ok);
  EXPECT_EQ(linear(DType::bf16, {2, 3, 16, 2}, 33), Code::bad_argument) << "columns without a panel";
  EXPECT_EQ(linear(DType::bf16, {3, 2, 16, 2}, 33), Code::bad_argument) << "an odd row without a pair";
  EXPECT_EQ(linear(DType::bf16, {3, 3, 32}, 33), Code::bad_argument);
  EXPECT_EQ(linear(DType::bf16, {2, 5, 32}, 33), Code::bad_argument) << "the other form";
  EXPECT_EQ(linear(DType::f32, {3, 3, 16, 2}, 33), Code::bad_argument);
  EXPECT_EQ(linear(DType::f16, {3, 3, 16, 2}, 33), Code::bad_argument);
  EXPECT_EQ(linear(DType::bf16, {3, 3, 16, 2}, -1), Code::bad_argument);
  EXPECT_EQ(linear(DType::bf16, {3, 3, 16, 2}, INT64_MAX), Code::bad_argument);
  EXPECT_EQ(linear(DType::bf16, {0, 3, 16, 2}, INT64_MAX - 5), Code::bad_argument);
  auto convolution = [](std::initializer_list<int64_t> packed, int64_t channels, int64_t kernel) {
    return Call("portfire::packed_conv2d").tensor(DType::f32, {1, 4, 4, 3}).tensor(DType::bf16, packed).none().none().number(channels)
        .ints({kernel, kernel}).ints({1, 1}).ints({1, 1, 1, 1}).ints({1, 1}).text("").real(0).real(0).infer();
  };
  EXPECT_EQ(convolution({1, 14, 16, 2}, 16, 3), Code::ok);
  EXPECT_EQ(convolution({1, 13, 16, 2}, 16, 3), Code::bad_argument);
  EXPECT_EQ(convolution({1, 14, 16, 2}, 17, 3), Code::bad_argument);
  EXPECT_EQ(convolution({1, 14, 16, 2}, 0, 3), Code::bad_argument);
}

TEST(Hostile, PowersEnd) {
  auto power = [](int64_t x, int64_t y) { return Call("executorch_prim::pow.Scalar").number(x).number(y).evaluate().integer; };
  EXPECT_EQ(power(1, INT64_MAX), 1);
  EXPECT_EQ(power(-1, INT64_MAX), -1);
  EXPECT_EQ(power(0, INT64_MAX), 0);
  EXPECT_EQ(power(0, 0), 1);
  EXPECT_EQ(power(3, 4), 81);
}

}  // namespace
}  // namespace portfire::ops
