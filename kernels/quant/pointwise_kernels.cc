// int8 element by element: conversions, sums and products, of tensors that lie in order.
#include <algorithm>
#include <new>

#include "kernels/kernel.h"
#include "kernels/quant/int8.h"
#include "kernels/thread_pool.h"

namespace portfire::quant {
namespace {

constexpr int64_t kGrain = 32 << 10;  // elements for a task at least

template <class F>
void in_parts(int64_t n, ThreadPool* pool, F f) {
  const int64_t tasks = std::clamp<int64_t>(n / kGrain, 1, pool ? static_cast<int64_t>(pool->threads()) : 1);
  parallel(pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    const auto t = static_cast<int64_t>(task);
    const int64_t from = n * t / tasks;
    f(from, static_cast<size_t>(n * (t + 1) / tasks - from));
  });
}

bool prepare_one(const Operands& o, void*, size_t*) { return o.in(0).is_contiguous() && o.out(0).is_contiguous(); }

Error run_quantize(const void*, const Operands& o, const KernelContext& context) {
  const ops::DynamicScale scale{1.0f / static_cast<float>(Args(o.args).real(1)), 0, static_cast<int32_t>(o.args[2]->integer)};
  in_parts(o.out(0).numel(), context.pool,
           [&](int64_t at, size_t n) { functions().quantize(o.in(0).as<float>() + at, n, scale, o.out(0).as<int8_t>() + at); });
  return {};
}

Error run_dequantize(const void*, const Operands& o, const KernelContext& context) {
  const auto scale = static_cast<float>(Args(o.args).real(1));
  const auto zero = static_cast<int32_t>(o.args[2]->integer);
  in_parts(o.out(0).numel(), context.pool,
           [&](int64_t at, size_t n) { functions().dequantize(o.in(0).as<int8_t>() + at, n, scale, zero, o.out(0).as<float>() + at); });
  return {};
}

bool prepare_pair(const Operands& o, void*, size_t*) {
  const Shape& shape = o.out(0).shape;
  return o.in(0).shape == shape && o.in(1).shape == shape && o.in(0).is_contiguous() && o.in(1).is_contiguous() && o.out(0).is_contiguous();
}

Error run_add(const void*, const Operands& o, const KernelContext& context) {
  ops::pointwise_qs8::FixedSum sum;
  PF_TRY(ops::pointwise_qs8::fixed_sum(Args(o.args), &sum));
  in_parts(o.out(0).numel(), context.pool, [&](int64_t at, size_t n) {
    functions().add(o.in(0).as<int8_t>() + at, o.in(1).as<int8_t>() + at, n, sum, o.out(0).as<int8_t>() + at);
  });
  return {};
}

Error run_multiply(const void*, const Operands& o, const KernelContext& context) {
  const Args a(o.args);
  const float multiplier = static_cast<float>(a.real(2)) * static_cast<float>(a.real(4)) / static_cast<float>(a.real(6));
  const ops::Requantization to{a.integer(7), a.integer(8), a.integer(9)};
  const auto zero_x = static_cast<int32_t>(a.integer(3)), zero_y = static_cast<int32_t>(a.integer(5));
  in_parts(o.out(0).numel(), context.pool, [&](int64_t at, size_t n) {
    functions().multiply(o.in(0).as<int8_t>() + at, o.in(1).as<int8_t>() + at, n, zero_x, zero_y, multiplier, to, o.out(0).as<int8_t>() + at);
  });
  return {};
}

}  // namespace

extern const Kernel kQuantize, kDequantize, kAdd, kMultiply;
const Kernel kQuantize = {"portfire::quantize_qs8", 0, prepare_one, run_quantize};
const Kernel kDequantize = {"portfire::dequantize_qs8", 0, prepare_one, run_dequantize};
const Kernel kAdd = {"portfire::add_qs8", 0, prepare_pair, run_add};
const Kernel kMultiply = {"portfire::mul_qs8", 0, prepare_pair, run_multiply};

}  // namespace portfire::quant
