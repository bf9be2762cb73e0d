#include "ops/quantize.h"

namespace portfire::ops::quantize {
namespace {

Error check(const Args& a, const AffineCall& c, TensorSpec* out) {
  const TensorView& x = a.tensor(0);
  int64_t low, high;
  if (!is_floating(x.dtype)) return Error::make(Code::bad_argument, "%s (expected a floating dtype)", TypeText(x).c_str());
  if (!quantized_range(c.dtype, &low, &high))
    return Error::make(Code::bad_argument, "quantized to %s (expected u8, i8, i16, u16 or i32)", name_of(c.dtype));
  if (c.low < low || c.high > high)
    return Error::make(Code::bad_argument, "quantized to %lld..%lld of %s", static_cast<long long>(c.low), static_cast<long long>(c.high),
                       name_of(c.dtype));
  if (c.scales) PF_TRY(check_scales(*c.scales, c.blocks.count));
  if (c.zero_points) PF_TRY(check_zero_points(*c.zero_points, c.blocks.count));
  *out = {c.dtype, x.shape};
  return {};
}

Error store(const Args& a, const AffineCall& c, const TensorView& y) {
  const TensorView& x = a.tensor(0);
  const int last = x.rank() - 1;
  const int64_t from_step = last < 0 ? 0 : x.strides[last], to_step = last < 0 ? 0 : y.strides[last];
  for_each_run(x, y, c.blocks, [&](int64_t from, int64_t to, int64_t n, int64_t block) {
    const float inverse = 1.0f / static_cast<float>(c.scale_of(block));
    const auto zero = static_cast<float>(c.zero_point_of(block));
    for (int64_t i = 0; i < n; ++i)
      store_int(y, to + i * to_step, clamped(zero + std::nearbyint(scaled(x, from + i * from_step, inverse)), c.low, c.high));
  });
  return {};
}

// The arguments from `low` on: quant_min, quant_max, dtype.
void read_range(const Args& a, size_t low, AffineCall* c) {
  c->low = a.integer(low);
  c->high = a.integer(low + 1);
  c->dtype = a.dtype(low + 2, DType::i8);
}
void read_parameters(const Args& a, AffineCall* c) {
  c->scales = &a.tensor(1);
  c->zero_points = &a.tensor(2);
}

}  // namespace

Error PerTensor::read(const Args& a, AffineCall* c) {
  c->scale = a.real(1);
  c->zero_point = a.integer(2);
  read_range(a, 3, c);
  return {};
}
Error PerTensorOfTensors::read(const Args& a, AffineCall* c) {
  read_parameters(a, c);
  read_range(a, 3, c);
  return {};
}
Error PerTensorOut::read(const Args& a, AffineCall* c) { return PerTensorOfTensors::read(a, c); }
Error PerTensorInRange::read(const Args& a, AffineCall* c) {
  read_parameters(a, c);
  c->dtype = a.dtype(5, DType::i8);
  for (size_t i : {3, 4})
    if (a.tensor(i).numel() != 1) return Error::make(Code::bad_argument, "a bound of %s (expected one number)", TypeText(a.tensor(i))
        .c_str());
  int64_t low, high;
  if (a.tensor(3).data == nullptr || !quantized_range(c->dtype, &low, &high)) return {};  // shapes are asked for
  c->low = std::max(low, load_int(a.tensor(3), 0));
  c->high = std::min(high, load_int(a.tensor(4), 0));
  return {};
}
Error PerChannel::read(const Args& a, AffineCall* c) {
  read_parameters(a, c);
  read_range(a, 4, c);
  return blocks_along(a.tensor(0), a.integer(3), &c->blocks);
}
Error PerToken::read(const Args& a, AffineCall* c) {
  read_parameters(a, c);
  read_range(a, 3, c);
  c->blocks = Blocks::rows(a.tensor(0));
  return {};
}
Error PerGroup::read(const Args& a, AffineCall* c) {
  read_parameters(a, c);
  read_range(a, 3, c);
  return groups_of(a.tensor(0), a.tensor(1), a.integer(6), &c->blocks);
}

PF_AFFINE_OPERATOR(PerTensor)
PF_AFFINE_OPERATOR(PerTensorOfTensors)
PF_AFFINE_OPERATOR(PerTensorOut)
PF_AFFINE_OPERATOR(PerTensorInRange)
PF_AFFINE_OPERATOR(PerChannel)
PF_AFFINE_OPERATOR(PerToken)
PF_AFFINE_OPERATOR(PerGroup)

}  // namespace portfire::ops::quantize
