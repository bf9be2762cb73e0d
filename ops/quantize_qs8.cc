#include "ops/quantize_qs8.h"

#include "ops/reader.h"
#include "ops/requantize.h"

namespace portfire::ops::quantize_qs8 {
namespace {

Error check(const Args& a, DType from) {
  if (a.tensor(0).dtype != from) return Error::make(Code::bad_argument, "dtype %s (expected %s)", name_of(a.tensor(0).dtype), name_of(from));
  if (!(a.real(1) > 0) || !std::isfinite(a.real(1))) return Error::make(Code::bad_argument, "scale %g", a.real(1));
  return Requantization{a.integer(2), -128, 127}.check();
}

}  // namespace

Error QuantizeQs8::infer(const Args& a, std::span<TensorSpec> outs) {
  outs[0] = {DType::i8, a.tensor(0).shape};
  return check(a, DType::f32);
}

Error QuantizeQs8::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  const float inverse = 1.0f / static_cast<float>(a.real(1));
  const auto zero = static_cast<int32_t>(a.integer(2));
  const DynamicScale to{inverse, 0, zero};
  walk([&](const int64_t* at) { outs[0].as<int8_t>()[at[0]] = to(x.as<float>()[at[1]]); }, outs[0], x);
  return {};
}

Error DequantizeQs8::infer(const Args& a, std::span<TensorSpec> outs) {
  outs[0] = {DType::f32, a.tensor(0).shape};
  return check(a, DType::i8);
}

Error DequantizeQs8::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  const auto scale = static_cast<float>(a.real(1));
  const auto zero = static_cast<int32_t>(a.integer(2));
  walk([&](const int64_t* at) { outs[0].as<float>()[at[0]] = static_cast<float>(x.as<int8_t>()[at[1]] - zero) * scale; }, outs[0], x);
  return {};
}

}  // namespace portfire::ops::quantize_qs8
