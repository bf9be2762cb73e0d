// For unit tests: one call of an operator, by its kernel and by its reference, with results compared.
//
//   Call call("aten::flip");
//   call.tensor(DType::f32, {3, 5}).ints({1}).expect_same();
#pragma once

#include <cmath>
#include <cstring>
#include <deque>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/element.h"

namespace portfire::testing {

// How a tensor lies in memory.
enum class Layout { contiguous, transposed, gaps, expanded };

class Call {
 public:
  explicit Call(std::string_view op, uint32_t seed = 1) : op_(find_op(op)), random_(seed) { EXPECT_TRUE(op_) << op; }
  Call(const Call&) = delete;  // its values point into itself

  // Random numbers of (-4, 4), integers of (-100, 100) as far as the dtype has them.
  Call& tensor(DType t, std::vector<int64_t> sizes, Layout layout = Layout::contiguous) {
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
  Call& reals(DType t, std::vector<int64_t> sizes, const std::vector<double>& numbers) {
    TensorView& v = make(t, sizes, Layout::contiguous);
    for (size_t i = 0; i < numbers.size(); ++i) ops::store_real(v, static_cast<int64_t>(i), numbers[i]);
    return value(Value::of(&v));
  }
  // Indices of [0, limit), in i64 or i32.
  Call& indices(std::vector<int64_t> sizes, int64_t limit, DType t = DType::i64, Layout layout = Layout::contiguous) {
    TensorView& v = make(t, sizes, layout);
    for (ops::Index at(v.shape); at.valid(); at.next())
      ops::store_int(v, at.offset(v), std::uniform_int_distribution<int64_t>(0, limit - 1)(random_));
    return value(Value::of(&v));
  }
  Call& value(Value v) {
    values_.push_back(v);
    return *this;
  }
  Call& none() { return value(Value()); }
  Call& integer(int64_t i) { return value(Value::of(i)); }
  Call& boolean(bool b) { return value(Value::of(b)); }
  Call& real(double d) { return value(Value::of(d)); }
  Call& string(std::string s) { return value(Value::of(std::string_view(strings_.emplace_back(std::move(s))))); }
  Call& ints(std::vector<int64_t> list) {
    auto& kept = ints_.emplace_back(std::move(list));
    return value(Value::of(IntList{kept.data(), static_cast<uint32_t>(kept.size())}));
  }
  // The last n arguments, tensors, become one list.
  Call& list(size_t n) {
    auto& kept = lists_.emplace_back();
    for (size_t i = values_.size() - n; i < values_.size(); ++i)
      kept.push_back(values_[i].kind == Value::Kind::none ? nullptr : values_[i].tensor);
    values_.resize(values_.size() - n);
    return value(Value::of(std::span<TensorView* const>(kept)));
  }
  TensorView& argument(size_t i) { return *values_[i].tensor; }

  // Runs both; results differ by at most `tolerance` of the largest magnitude. `threads`: 1 or more.
  void expect_same(double tolerance = 0, size_t threads = 1) {
    std::vector<const Value*> args;
    for (const Value& v : values_) args.push_back(&v);
    TensorSpec specs[8];
    const std::span<TensorSpec> outs(specs, op_->outs);
    const Error refused = op_->infer(Args(args), outs);
    ASSERT_FALSE(static_cast<bool>(refused)) << describe() << ": " << refused.text();
    std::vector<TensorView> expected, got;
    std::vector<TensorView*> targets;
    for (const TensorSpec& s : outs) {
      expected.push_back(make(s.dtype, {s.shape.dims().begin(), s.shape.dims().end()}, Layout::contiguous));
      got.push_back(make(s.dtype, {s.shape.dims().begin(), s.shape.dims().end()}, Layout::contiguous));
    }
    for (TensorView& t : got) targets.push_back(&t);
    std::vector<std::byte> scratch(op_->scratch ? op_->scratch(Args(args)) + 64 : 64);
    uint64_t counter = 0;
    const Error reference = op_->reference(Args(args, {scratch, &counter}), expected);
    bool taken = false;
    const Error error = run_kernel({args, targets}, threads, &taken);
    ASSERT_TRUE(taken) << describe() << ": no kernel takes it";
    ASSERT_EQ(static_cast<bool>(reference), static_cast<bool>(error)) << describe();
    if (reference) return;
    for (size_t i = 0; i < got.size(); ++i) compare(got[i], expected[i], tolerance);
  }
  bool taken() {
    std::vector<const Value*> args;
    for (const Value& v : values_) args.push_back(&v);
    TensorSpec specs[8];
    if (op_->infer(Args(args), {specs, op_->outs})) return false;
    std::vector<TensorView*> targets;
    for (size_t i = 0; i < op_->outs; ++i)
      targets.push_back(&make(specs[i].dtype, {specs[i].shape.dims().begin(), specs[i].shape.dims().end()}, Layout::contiguous));
    bool taken = false;
    (void)run_kernel({args, targets}, 1, &taken);
    return taken;
  }

 private:
  TensorView& make(DType t, const std::vector<int64_t>& sizes, Layout layout) {
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
    int64_t span = 1;
    for (int d = 0; d <= last; ++d) span += v.size(d) > 0 ? (v.size(d) - 1) * v.strides[d] : 0;
    // Off the alignment of vectors, with bytes behind that nobody may touch.
    const size_t bytes = static_cast<size_t>(span) * byte_size(t), front = 16;
    auto& memory = memory_.emplace_back(front + bytes + kGuard);
    std::memset(memory.data(), 0, memory.size());
    std::memset(memory.data() + front + bytes, 0x5a, kGuard);
    v.data = memory.data() + front;
    guards_.push_back(memory.data() + front + bytes);
    return v;
  }
  Error run_kernel(const Operands& o, size_t threads, bool* taken) {
    for (const Kernel& k : all_kernels()) {
      if (k.op != op_->name()) continue;
      std::vector<std::byte> state(k.state_bytes + 64);
      auto aligned = [](std::vector<std::byte>& v) { return v.data() + (64 - reinterpret_cast<uintptr_t>(v.data()) % 64) % 64; };
      size_t bytes = 0;
      if (!k.prepare(o, aligned(state), &bytes)) continue;
      *taken = true;
      std::vector<std::byte> scratch(bytes + 64);
      ThreadPool pool(threads);
      return k.run(aligned(state), o, {threads > 1 ? &pool : nullptr, {aligned(scratch), bytes}, nullptr});
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
  std::mt19937 random_;
  std::deque<Value> values_;
  std::deque<TensorView> views_;
  std::deque<std::vector<std::byte>> memory_;
  std::deque<std::string> strings_;
  std::deque<std::vector<int64_t>> ints_;
  std::deque<std::vector<TensorView*>> lists_;
  std::vector<const std::byte*> guards_;
};

}  // namespace portfire::testing
