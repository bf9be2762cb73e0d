// For tests: one call of an operator, run by its kernels and by its reference.
#pragma once

#include <cmath>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"

namespace portfire {

// Arguments are added in the schema's order; then `expect_kernel_matches`.
class KernelCase {
 public:
  explicit KernelCase(std::string_view op) : op_(find_op(op)) { EXPECT_TRUE(op_) << op; }

  // Seeded values in [-1, 1]; `strides` (of elements) where it is not row-major.
  KernelCase& tensor(std::vector<int64_t> sizes, std::vector<int64_t> strides = {}) {
    TensorView& t = add(TensorView());
    t = TensorView::of(static_cast<const void*>(nullptr), DType::f32, sizes);
    int64_t last = 0;
    for (size_t d = 0; d < sizes.size(); ++d) {
      if (!strides.empty()) t.strides[d] = strides[d];
      last += std::max<int64_t>(sizes[d] - 1, 0) * t.strides[d];
    }
    buffers_.emplace_back(static_cast<size_t>(last + 1) * sizeof(float));
    t.data = buffers_.back().data();
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (int64_t i = 0; i <= last; ++i) t.as<float>()[i] = uniform(random_);
    return *this;
  }
  // The tensor added last, to be filled otherwise.
  TensorView& last() { return views_.back(); }
  KernelCase& none() { return value(Value()); }
  KernelCase& number(int64_t i) { return value(Value::of(i)); }
  KernelCase& real(double d) { return value(Value::of(d)); }
  KernelCase& flag(bool b) { return value(Value::of(b)); }
  KernelCase& text(std::string_view s) { return value(Value::of(s)); }
  KernelCase& ints(std::vector<int64_t> list) {
    lists_.push_back(std::move(list));
    return value(Value::of(IntList{lists_.back().data(), static_cast<uint32_t>(lists_.back().size()), nullptr}));
  }

  // Every kernel of the operator must take the call, at one thread and at three, and answer as the
  // reference does within `tolerance` of the largest value.
  void expect_kernel_matches(double tolerance = 1e-5) {
    std::vector<const Value*> args;
    for (const Value& v : values_) args.push_back(&v);
    ASSERT_EQ(args.size(), op_->args) << op_->schema;
    std::vector<TensorSpec> specs(op_->outs);
    const Error wrong = op_->infer(Args(args), specs);
    ASSERT_TRUE(wrong.ok()) << wrong.text();
    const Outs want = make_outs(specs);
    std::vector<std::byte> scratch(op_->scratch ? op_->scratch(Args(args)) : 0);
    std::vector<TensorView> outs = want.views;
    const Error failed = op_->reference(Args(args, {scratch, nullptr}), outs);
    ASSERT_TRUE(failed.ok()) << failed.text();
    int kernels = 0;
    ThreadPool three(3);
    for (const Kernel& kernel : all_kernels())
      for (ThreadPool* pool : {static_cast<ThreadPool*>(nullptr), &three}) {
        if (kernel.op != op_->name()) continue;
        ++kernels;
        Outs got = make_outs(specs);
        std::vector<TensorView*> pointers;
        for (TensorView& t : got.views) pointers.push_back(&t);
        const Operands operands{args, pointers, pool ? pool->threads() : 1};
        alignas(64) std::byte state[4096];
        ASSERT_LE(kernel.state_bytes, sizeof state);
        size_t bytes = 0;
        ASSERT_TRUE(kernel.prepare(operands, state, &bytes)) << op_->schema;
        std::vector<std::byte> room(bytes + 64);
        void* aligned = room.data();
        size_t left = room.size();
        std::align(64, bytes, aligned, left);
        const Error e = kernel.run(state, operands, {pool, {static_cast<std::byte*>(aligned), bytes}, nullptr});
        ASSERT_TRUE(e.ok()) << e.text();
        for (size_t i = 0; i < specs.size(); ++i) compare(got.views[i], want.views[i], tolerance);
      }
    EXPECT_GT(kernels, 0) << op_->schema;
  }

 private:
  struct Outs {
    std::deque<std::vector<std::byte>> buffers;
    std::vector<TensorView> views;
  };
  static Outs make_outs(const std::vector<TensorSpec>& specs) {
    Outs o;
    for (const TensorSpec& s : specs) {
      TensorView t = TensorView::of(static_cast<const void*>(nullptr), s.dtype, s.shape.dims());
      o.buffers.emplace_back(t.bytes() + 1, std::byte{0x7f});
      t.data = o.buffers.back().data();
      o.views.push_back(t);
    }
    return o;
  }
  static void compare(const TensorView& got, const TensorView& want, double tolerance) {
    double scale = 1e-6;
    for (int64_t i = 0; i < want.numel(); ++i)
      if (const double v = std::fabs(ops::load_real(want, i)); std::isfinite(v)) scale = std::max(scale, v);
    for (int64_t i = 0; i < want.numel(); ++i) {
      const double a = ops::load_real(got, i), b = ops::load_real(want, i);
      if (std::isnan(b) || std::isinf(b))
        ASSERT_TRUE(std::isnan(b) ? std::isnan(a) : a == b) << "element " << i << ": " << a << ", expected " << b;
      else
        ASSERT_NEAR(a, b, tolerance * scale) << "element " << i << " of " << TypeText(want).c_str();
    }
  }
  TensorView& add(const TensorView& t) {
    views_.push_back(t);
    values_.push_back(Value::of(&views_.back()));
    return views_.back();
  }
  KernelCase& value(const Value& v) {
    values_.push_back(v);
    return *this;
  }

  const Op* op_;
  std::deque<TensorView> views_;
  std::deque<std::vector<int64_t>> lists_;
  std::deque<std::vector<std::byte>> buffers_;
  std::deque<Value> values_;
  std::mt19937 random_{7};
};

}  // namespace portfire
