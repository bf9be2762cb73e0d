// For tests: one call of an operator, run by its kernel and by its reference.
//
//   KernelCase("aten::flip").tensor(DType::i64, {3, 5}, Layout::transposed).ints({1}).expect_kernel_matches(0);
#pragma once

#include <cmath>
#include <cstring>
#include <deque>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/float16.h"
#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"

namespace portfire {

// How a tensor lies in memory.
enum class Layout { contiguous, transposed, gaps, expanded };

// Arguments are added in the schema's order.
class KernelCase {
 public:
  explicit KernelCase(std::string_view op) : op_(find_op(op)) { EXPECT_TRUE(op_) << op; }
  KernelCase(const KernelCase&) = delete;  // its values point into itself

  // Random numbers of (-4, 4), integers of (-100, 100) as far as the dtype has them.
  KernelCase& tensor(DType t, std::vector<int64_t> sizes, Layout layout = Layout::contiguous) {
    TensorView& v = make(t, sizes, layout);
    for (ops::Index at(v.shape); at.valid(); at.next()) {
      const double r = std::uniform_real_distribution<double>(-4, 4)(random_);
      if (is_floating(t))
        ops::store_real(v, at.offset(v), r);
      else
        ops::store_int(v, at.offset(v), t == DType::boolean ? r > 0 : static_cast<int64_t>(r * 25) & (is_unsigned(t) ? 127 : -1));
    }
    return value(Value::of(&v));
  }
  // Of f32, in [-1, 1]; `strides` (of elements) where it is not row-major.
  KernelCase& tensor(std::vector<int64_t> sizes, const std::vector<int64_t>& strides = {}) {
    TensorView& v = make(DType::f32, sizes, Layout::contiguous, strides);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (ops::Index at(v.shape); at.valid(); at.next()) ops::store_real(v, at.offset(v), uniform(random_));
    return value(Value::of(&v));
  }
  // Rounds the tensor added last, of f32, to what bf16 has: then it does not matter whether a kernel does.
  KernelCase& rounded() {
    for (ops::Index at(last().shape); at.valid(); at.next()) {
      float& x = last().as<float>()[at.offset(last())];
      x = bf16_to_f32(f32_to_bf16(x));
    }
    return *this;
  }
  // The tensor added last, to be filled otherwise.
  TensorView& last() { return *values_.back().tensor; }
  KernelCase& reals(DType t, std::vector<int64_t> sizes, const std::vector<double>& numbers) {
    TensorView& v = make(t, sizes, Layout::contiguous);
    for (size_t i = 0; i < numbers.size(); ++i) ops::store_real(v, static_cast<int64_t>(i), numbers[i]);
    return value(Value::of(&v));
  }
  // Indices of [0, limit), in i64 or i32.
  KernelCase& indices(std::vector<int64_t> sizes, int64_t limit, DType t = DType::i64, Layout layout = Layout::contiguous) {
    TensorView& v = make(t, sizes, layout);
    for (ops::Index at(v.shape); at.valid(); at.next())
      ops::store_int(v, at.offset(v), std::uniform_int_distribution<int64_t>(0, limit - 1)(random_));
    return value(Value::of(&v));
  }
  KernelCase& value(Value v) {
    values_.push_back(v);
    return *this;
  }
  KernelCase& none() { return value(Value()); }
  KernelCase& number(int64_t i) { return value(Value::of(i)); }
  KernelCase& flag(bool b) { return value(Value::of(b)); }
  KernelCase& real(double d) { return value(Value::of(d)); }
  KernelCase& text(std::string s) { return value(Value::of(std::string_view(strings_.emplace_back(std::move(s))))); }
  KernelCase& ints(std::vector<int64_t> list) {
    auto& kept = ints_.emplace_back(std::move(list));
    return value(Value::of(IntList{kept.data(), static_cast<uint32_t>(kept.size())}));
  }
  KernelCase& flags(const std::vector<bool>& list) {
    auto& kept = flags_.emplace_back();
    kept.assign(list.begin(), list.end());
    static_assert(sizeof(bool) == sizeof(char));
    return value(Value::of(std::span<const bool>(reinterpret_cast<const bool*>(kept.data()), kept.size())));
  }
  // The last n arguments, tensors, become one list.
  KernelCase& list(size_t n) {
    auto& kept = lists_.emplace_back();
    for (size_t i = values_.size() - n; i < values_.size(); ++i)
      kept.push_back(values_[i].kind == Value::Kind::none ? nullptr : values_[i].tensor);
    values_.resize(values_.size() - n);
    return value(Value::of(std::span<TensorView* const>(kept)));
  }

  // The kernel must take the call, and at one thread and at three answer as the reference does: within
  // `tolerance` of the largest value, or with an error where that has one. It must not touch what lies
  // around its results.
  void expect_kernel_matches(double tolerance = 1e-5, std::span<const Kernel> kernels = all_kernels()) {
    const std::vector<const Value*> args = arguments();
    ASSERT_EQ(args.size(), op_->args) << op_->schema;
    TensorSpec specs[8];
    const Error refused = op_->infer(Args(args), {specs, op_->outs});
    ASSERT_TRUE(refused.ok()) << describe() << ": " << refused.text();
    std::vector<TensorView> expected;
    for (size_t i = 0; i < op_->outs; ++i) expected.push_back(result(specs[i]));
    std::vector<std::byte> scratch(op_->scratch ? op_->scratch(Args(args)) + 64 : 64);
    uint64_t counter = 0;
    const Error reference = op_->reference(Args(args, {scratch, &counter}), expected);
    static ThreadPool three(3);
    for (ThreadPool* pool : {static_cast<ThreadPool*>(nullptr), &three}) {
      std::vector<TensorView*> got;
      for (size_t i = 0; i < op_->outs; ++i) got.push_back(&result(specs[i]));
      bool taken = false;
      const Error error = run_kernel({args, got, pool ? pool->threads() : 1}, pool, &taken, kernels);
      ASSERT_TRUE(taken) << describe() << ": no kernel takes it";
      ASSERT_EQ(reference.ok(), error.ok()) << describe() << ": " << error.text() << reference.text();
      for (size_t i = 0; reference.ok() && i < got.size(); ++i) compare(*got[i], expected[i], tolerance);
    }
  }
  bool taken() {
    const std::vector<const Value*> args = arguments();
    TensorSpec specs[8];
    if (op_->infer(Args(args), {specs, op_->outs})) return false;
    std::vector<TensorView*> outs;
    for (size_t i = 0; i < op_->outs; ++i) outs.push_back(&result(specs[i]));
    bool taken = false;
    (void)run_kernel({args, outs, 1}, nullptr, &taken, all_kernels());
    return taken;
  }

 private:
  std::vector<const Value*> arguments() const {
    std::vector<const Value*> args;
    for (const Value& v : values_) args.push_back(&v);
    return args;
  }
  TensorView& result(const TensorSpec& s) { return make(s.dtype, {s.shape.dims().begin(), s.shape.dims().end()}, Layout::contiguous); }
  TensorView& make(DType t, const std::vector<int64_t>& sizes, Layout layout, const std::vector<int64_t>& strides = {}) {
    TensorView& v = views_.emplace_back();
    v.dtype = t;
    for (int64_t s : sizes) v.shape.push(s);
    v.set_contiguous();
    const int last = v.rank() - 1;
    if (layout == Layout::transposed && last > 0) {
      std::swap(v.shape.sizes[last], v.shape.sizes[last - 1]);
      v.set_contiguous();
      std::swap(v.shape.sizes[last], v.shape.sizes[last - 1]);
      std::swap(v.strides[last], v.strides[last - 1]);
    } else if (layout == Layout::gaps) {
      for (int d = 0; d <= last; ++d) v.strides[d] *= 3;
    } else if (layout == Layout::expanded && last >= 0) {
      v.strides[last] = 0;
    }
    for (size_t d = 0; d < strides.size(); ++d) v.strides[d] = strides[d];
    int64_t span = 1;
    for (int d = 0; d <= last; ++d) span += v.size(d) > 0 ? (v.size(d) - 1) * v.strides[d] : 0;
    // Off the alignment of vectors, with bytes behind that nobody may touch.
    const size_t bytes = static_cast<size_t>(span) * byte_size(t), front = 16;
    auto& memory = memory_.emplace_back(front + bytes + kGuard);
    std::memset(memory.data() + front + bytes, 0x5a, kGuard);
    v.data = memory.data() + front;
    guards_.push_back(memory.data() + front + bytes);
    return v;
  }
  Error run_kernel(const Operands& o, ThreadPool* pool, bool* taken, std::span<const Kernel> kernels) {
    for (const Kernel& k : kernels) {
      if (k.op != op_->name()) continue;
      std::vector<std::byte> state(k.state_bytes + 64);
      auto aligned = [](std::vector<std::byte>& v) { return v.data() + (64 - reinterpret_cast<uintptr_t>(v.data()) % 64) % 64; };
      size_t bytes = 0;
      if (!k.prepare(o, aligned(state), &bytes)) continue;
      *taken = true;
      std::vector<std::byte> scratch(bytes + 64);
      return k.run(aligned(state), o, {pool, {aligned(scratch), bytes}, nullptr});
    }
    return {};
  }
  void compare(const TensorView& got, const TensorView& expected, double tolerance) {
    double most = 1e-6;
    for (ops::Index at(got.shape); at.valid(); at.next())
      if (const double e = std::fabs(ops::load_real(expected, at.offset(expected))); std::isfinite(e)) most = std::fmax(most, e);
    for (ops::Index at(got.shape); at.valid(); at.next()) {
      const double g = ops::load_real(got, at.offset(got)), e = ops::load_real(expected, at.offset(expected));
      const bool same = g == e || (std::isnan(g) && std::isnan(e)) || std::fabs(g - e) <= tolerance * most;
      if (!same) FAIL() << describe() << ": " << g << ", expected " << e;
    }
    for (const std::byte* guard : guards_)
      for (size_t i = 0; i < kGuard; ++i)
        if (guard[i] != std::byte{0x5a}) FAIL() << describe() << ": wrote past the end";
  }
  std::string describe() const {
    std::ostringstream s;
    s << op_->name();
    for (const Value& v : values_) {
      if (v.kind == Value::Kind::tensor) s << ' ' << TypeText(*v.tensor).c_str();
      if (v.kind == Value::Kind::string) s << " \"" << v.string << '"';
      if (v.kind == Value::Kind::integer) s << ' ' << v.integer;
      if (v.kind == Value::Kind::int_list)
        for (uint32_t i = 0; i < v.ints.count; ++i) s << (i ? ',' : ' ') << v.ints.data[i];
      if (v.kind == Value::Kind::tensor_list)
        for (const TensorView* t : v.tensors) s << ' ' << (t ? TypeText(*t).c_str() : "-");
    }
    return s.str();
  }

  static constexpr size_t kGuard = 64;
  const Op* op_;
  std::mt19937 random_{7};
  std::deque<Value> values_;
  std::deque<TensorView> views_;
  std::deque<std::vector<std::byte>> memory_;
  std::deque<std::string> strings_;
  std::deque<std::vector<int64_t>> ints_;
  std::deque<std::vector<char>> flags_;
  std::deque<std::vector<TensorView*>> lists_;
  std::vector<const std::byte*> guards_;
};

}  // namespace portfire
