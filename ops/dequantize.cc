#include "ops/dequantize.h"

namespace portfire::ops::dequantize {
namespace {

Error check(const Args& a, const AffineCall& c, TensorSpec* out) {
  const TensorView& x = a.tensor(0);
  if (!is_integral(x.dtype) || x.dtype != c.dtype)
    return Error::make(Code::bad_argument, "%s (expected %s, an integer)", TypeText(x).c_str(), name_of(c.dtype));
  if (!is_floating(c.to)) return Error::make(Code::bad_argument, "dequantized to %s (expected a floating dtype)", name_of(c.to));
  if (c.scales) PF_TRY(check_scales(*c.scales, c.blocks.count));
  if (c.zero_points) PF_TRY(check_zero_points(*c.zero_points, c.blocks.count));
  *out = {c.to, x.shape};
  return {};
}

// The product is one of the scales' dtype; a scale for the whole tensor is taken as f32.
Error store(const Args& a, const AffineCall& c, const TensorView& y) {
  const TensorView& x = a.tensor(0);
  const int last = x.rank() - 1;
  const int64_t from_step = last < 0 ? 0 : x.strides[last], to_step = last < 0 ? 0 : y.strides[last];
  const bool one = c.blocks.count == 1;
  const DType product = one ? DType::f32 : c.scales->dtype;
  for_each_run(x, y, c.blocks, [&](int64_t from, int64_t to, int64_t n, int64_t block) {
    const double given = c.scale_of(block), scale = one ? static_cast<float>(given) : given, zero = c.zero_point_of(block);
    for (int64_t i = 0; i < n; ++i)
      store_real(y, to + i * to_step, round_to(product, (static_cast<double>(load_int(x, from + i * from_step)) - zero) * scale));
  });
  return {};
}

void read_parameters(const Args& a, AffineCall* c) {
  c->scales = &a.tensor(1);
  c->zero_points = a.optional_tensor(2);
}

}  // namespace

Error PerTensor::read(const Args& a, AffineCall* c) {
  c->scale = a.real(1);
  c->zero_point = a.integer(2);
  c->dtype = a.dtype(5, DType::i8);
  c->to = a.dtype(6, DType::f32);
  return {};
}
Error PerTensorOfTensors::read(const Args& a, AffineCall* c) {
  read_parameters(a, c);
  c->dtype = a.dtype(5, DType::i8);
  c->to = a.dtype(6, DType::f32);
  return {};
}
Error PerTensorOut::read(const Args& a, AffineCall* c) { return PerTensorOfTensors::read(a, c); }
Error PerTensorInRange::read(const Args& a, AffineCall* c) { return PerTensorOfTensors::read(a, c); }
Error PerChannel::read(const Args& a, AffineCall* c) {
  read_parameters(a, c);
  c->dtype = a.dtype(6, DType::i8);
  c->to = a.dtype(7, DType::f32);
  return blocks_along(a.tensor(0), a.integer(3), &c->blocks);
}
Error PerToken::read(const Args& a, AffineCall* c) {
  read_parameters(a, c);
  c->dtype = a.dtype(5, DType::i8);
  c->to = a.dtype(6, DType::f32);
  c->blocks = Blocks::rows(a.tensor(0));
  return {};
}
Error PerGroup::read(const Args& a, AffineCall* c) {
  read_parameters(a, c);
  c->dtype = a.dtype(5, DType::i8);
  c->to = a.dtype(7, DType::f32);
  return groups_of(a.tensor(0), a.tensor(1), a.integer(6), &c->blocks);
}

PF_AFFINE_OPERATOR(PerTensor)
PF_AFFINE_OPERATOR(PerTensorOfTensors)
PF_AFFINE_OPERATOR(PerTensorOut)
PF_AFFINE_OPERATOR(PerTensorInRange)
PF_AFFINE_OPERATOR(PerChannel)
PF_AFFINE_OPERATOR(PerToken)
PF_AFFINE_OPERATOR(PerGroup)

}  // namespace portfire::ops::dequantize
