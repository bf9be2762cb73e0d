#include "ops/linear_qs8.h"

#include "ops/element.h"
#include "ops/requantize.h"

namespace portfire::ops::linear_qs8 {

Error LinearQs8::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1), &m = a.tensor(3), *bias = a.optional_tensor(2);
  if (x.dtype != DType::i8 || w.dtype != DType::i8 || x.rank() < 1 || w.rank() != 2 || x.size(x.rank() - 1) != w.size(1))
    return Error::make(Code::bad_argument, "weight %s does not fit input %s", TypeText(w).c_str(), TypeText(x).c_str());
  const int64_t n = w.size(0);
  if (m.dtype != DType::f32 || m.rank() != 1 || m.size(0) != n || !m.is_contiguous())
    return Error::make(Code::bad_argument, "multipliers %s (expected f32[%lld])", TypeText(m).c_str(), static_cast<long long>(n));
  if (bias && (bias->dtype != DType::i32 || bias->rank() != 1 || bias->size(0) != n || !bias->is_contiguous()))
    return Error::make(Code::bad_argument, "bias %s (expected i32[%lld])", TypeText(*bias).c_str(), static_cast<long long>(n));
  PF_TRY((Requantization{a.integer(4), -128, 127}.check()));
  outs[0] = {DType::i8, x.shape};
  outs[0].shape.sizes[x.rank() - 1] = n;
  return Requantization{a.integer(5), a.integer(6), a.integer(7)}.check();
}

Error LinearQs8::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1), &m = a.tensor(3), *bias = a.optional_tensor(2);
  const auto zero = static_cast<int32_t>(a.integer(4));
  const Requantization to{a.integer(5), a.integer(6), a.integer(7)};
  const int last = x.rank() - 1;
  for (Index at(outs[0].shape); at.valid(); at.next()) {
    int64_t from = 0;
    for (int d = 0; d < last; ++d) from += at[d] * x.strides[d];
    const int64_t n = at[last];
    int32_t sum = bias ? bias->as<int32_t>()[n] : 0;
    for (int64_t k = 0; k < w.size(1); ++k)
      sum += (x.as<int8_t>()[from + k * x.strides[last]] - zero) * w.as<int8_t>()[n * w.strides[0] + k * w.strides[1]];
    outs[0].as<int8_t>()[at.offset(outs[0])] = to(sum, m.as<float>()[n]);
  }
  return {};
}

}  // namespace portfire::ops::linear_qs8
