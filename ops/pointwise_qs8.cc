#include "ops/pointwise_qs8.h"

#include <bit>

#include "ops/element.h"
#include "ops/requantize.h"

namespace portfire::ops::pointwise_qs8 {
namespace {

Requantization requantization(const Args& a) { return {a.integer(7), a.integer(8), a.integer(9)}; }

Error infer_pair(const Args& a, std::span<TensorSpec> outs) {
  for (size_t i : {0, 1})
    if (a.tensor(i).dtype != DType::i8) return Error::make(Code::bad_argument, "dtype %s (expected i8)", name_of(a.tensor(i).dtype));
  for (size_t i : {2, 4, 6})
    if (!std::isfinite(a.real(i)) || a.real(i) == 0) return Error::make(Code::bad_argument, "scale %g", a.real(i));
  for (size_t i : {3, 5}) PF_TRY((Requantization{a.integer(i), -128, 127}.check()));
  PF_TRY(requantization(a).check());
  outs[0].dtype = DType::i8;
  return broadcast(a.tensor(0).shape, a.tensor(1).shape, &outs[0].shape);
}

}  // namespace

Error fixed_sum(const Args& a, FixedSum* out) {
  const auto scale = static_cast<float>(a.real(6));
  const float self = static_cast<float>(a.real(2)) / scale, other = static_cast<float>(a.real(4)) / scale;
  const float most = std::max(std::fabs(self), std::fabs(other));
  if (!(most >= 0x1p-10f && most < 0x1p8f)) return Error::make(Code::bad_argument, "scales of a sum at %g of its own (expected from 1/1024 to 256)", static_cast<double>(most));
  const int exponent = static_cast<int>(std::bit_cast<uint32_t>(most) >> 23) - 127;
  out->shift = 20 - exponent;
  out->self = static_cast<int32_t>(std::lrint(std::ldexp(self, out->shift)));
  out->other = static_cast<int32_t>(std::lrint(std::ldexp(other, out->shift)));
  out->bias = static_cast<int32_t>((int64_t{1} << (out->shift - 1)) - out->self * a.integer(3) - out->other * a.integer(5));
  out->zero = a.integer(7);
  out->lower = a.integer(8);
  out->upper = a.integer(9);
  return {};
}

Error AddQs8::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(infer_pair(a, outs));
  FixedSum sum;
  return fixed_sum(a, &sum);
}

Error AddQs8::reference(const Args& a, std::span<TensorView> outs) {
  FixedSum sum;
  PF_TRY(fixed_sum(a, &sum));
  const TensorView &x = a.tensor(0), &y = a.tensor(1);
  for (Index at(outs[0].shape); at.valid(); at.next())
    outs[0].as<int8_t>()[at.offset(outs[0])] = sum(x.as<int8_t>()[at.offset(x)], y.as<int8_t>()[at.offset(y)]);
  return {};
}

Error MulQs8::infer(const Args& a, std::span<TensorSpec> outs) { return infer_pair(a, outs); }

Error MulQs8::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &y = a.tensor(1);
  const float multiplier = static_cast<float>(a.real(2)) * static_cast<float>(a.real(4)) / static_cast<float>(a.real(6));
  const Requantization to = requantization(a);
  const auto zero_x = static_cast<int32_t>(a.integer(3)), zero_y = static_cast<int32_t>(a.integer(5));
  for (Index at(outs[0].shape); at.valid(); at.next())
    outs[0].as<int8_t>()[at.offset(outs[0])] = to((x.as<int8_t>()[at.offset(x)] - zero_x) * (y.as<int8_t>()[at.offset(y)] - zero_y), multiplier);
  return {};
}

}  // namespace portfire::ops::pointwise_qs8
