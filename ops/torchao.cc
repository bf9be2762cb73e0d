#include "ops/torchao.h"

#include <limits>

namespace portfire::ops::torchao {
namespace {

// quant_min and quant_max, those of the dtype where there are none.
struct Range {
  int64_t low = 0, high = 0;
};
Error range_of(const Args& a, size_t first, DType dtype, Range* out) {
  int64_t low, high;
  if (!quantized_range(dtype, &low, &high))
    return Error::make(Code::bad_argument, "integers of %s (expected u8, i8, i16, u16 or i32)", name_of(dtype));
  const Range r{a.none(first) ? low : a.integer(first), a.none(first + 1) ? high : a.integer(first + 1)};
  if (r.low < low || r.high > high)
    return Error::make(Code::bad_argument, "integers %lld..%lld of %s", static_cast<long long>(r.low), static_cast<long long>(r.high),
        name_of(dtype));
  *out = r;
  return {};
}

// No zero point is also one without elements.
const TensorView* zero_point_of(const Args& a) {
  const TensorView* t = a.optional_tensor(3);
  return t && t->numel() > 0 ? t : nullptr;
}

Error check_parameters(const Args& a, Blocks* blocks) {
  PF_TRY(Blocks::tiles(a.tensor(0), a.ints(1), blocks));
  PF_TRY(check_scales(a.tensor(2), blocks->count));
  return zero_point_of(a) ? check_zero_points(*zero_point_of(a), blocks->count) : Error();
}

// The smallest normal number.
double smallest(DType dtype) {
  switch (dtype) {
    case DType::f16: return 0x1p-14;
    case DType::f64: return 0x1p-1022;
    default: return 0x1p-126;
  }
}

}  // namespace

Error Quantize::read(const Args& a, AffineCall* c) {
  Range range;
  c->dtype = a.dtype(4, DType::i8);
  PF_TRY(check_parameters(a, &c->blocks));
  PF_TRY(range_of(a, 5, c->dtype, &range));
  c->scales = &a.tensor(2);
  c->zero_points = zero_point_of(a);
  c->low = range.low;
  c->high = range.high;
  return {};
}

Error Quantize::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  AffineCall c;
  if (!is_floating(x.dtype)) return Error::make(Code::bad_argument, "%s (expected a floating dtype)", TypeText(x).c_str());
  PF_TRY(read(a, &c));
  outs[0] = {c.dtype, x.shape};
  return {};
}

Error Quantize::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &y = outs[0];
  AffineCall c;
  PF_TRY(read(a, &c));
  const DType dtype = promote(x.dtype, c.scales->dtype), sum = c.zero_points ? promote(dtype, c.zero_points->dtype) : dtype;
  const int last = x.rank() - 1;
  const int64_t from_step = last < 0 ? 0 : x.strides[last], to_step = last < 0 ? 0 : y.strides[last];
  for_each_run(x, y, c.blocks, [&](int64_t from, int64_t to, int64_t n, int64_t block) {
    const double inverse = round_to(c.scales->dtype, 1 / c.scale_of(block)), zero = c.zero_point_of(block);
    for (int64_t i = 0; i < n; ++i) {
      const double q = std::nearbyint(round_to(dtype, load_real(x, from + i * from_step) * inverse));
      store_int(y, to + i * to_step, clamped(round_to(sum, q + zero), c.low, c.high));
    }
  });
  return {};
}

Error Dequantize::read(const Args& a, AffineCall* c) {
  Range range;
  c->dtype = a.dtype(4, a.tensor(0).dtype);
  c->to = a.dtype(7, DType::f32);
  PF_TRY(check_parameters(a, &c->blocks));
  PF_TRY(range_of(a, 5, c->dtype, &range));
  c->scales = &a.tensor(2);
  c->zero_points = zero_point_of(a);
  return {};
}

Error Dequantize::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& q = a.tensor(0);
  AffineCall c;
  PF_TRY(read(a, &c));
  if (q.dtype != c.dtype) return Error::make(Code::bad_argument, "%s (expected %s)", TypeText(q).c_str(), name_of(c.dtype));
  if (!is_floating(c.to)) return Error::make(Code::bad_argument, "dequantized to %s (expected a floating dtype)", name_of(c.to));
  outs[0] = {c.to, q.shape};
  return {};
}

Error Dequantize::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &q = a.tensor(0), &y = outs[0];
  AffineCall c;
  PF_TRY(read(a, &c));
  const DType product = promote(y.dtype, c.scales->dtype);
  const int last = q.rank() - 1;
  const int64_t from_step = last < 0 ? 0 : q.strides[last], to_step = last < 0 ? 0 : y.strides[last];
  for_each_run(q, y, c.blocks, [&](int64_t from, int64_t to, int64_t n, int64_t block) {
    const double scale = c.scale_of(block), zero = round_to(y.dtype, c.zero_point_of(block));
    for (int64_t i = 0; i < n; ++i) {
      const double difference = round_to(y.dtype, round_to(y.dtype, load_real(q, from + i * from_step)) - zero);
      store_real(y, to + i * to_step, round_to(product, difference * scale));
    }
  });
  return {};
}

Error ChooseQparams::infer(const Args& a, std::span<TensorSpec> outs) {
  if (a.none(0)) return Error::make(Code::bad_argument, "no input");
  const TensorView& x = a.tensor(0);
  const std::string_view mapping = a.string(1);
  const bool asymmetric = mapping == "ASYMMETRIC";
  if (!is_floating(x.dtype)) return Error::make(Code::bad_argument, "%s (expected a floating dtype)", TypeText(x).c_str());
  if (!asymmetric && mapping != "SYMMETRIC" && mapping != "SYMMETRIC_NO_CLIPPING_ERR")
    return Error::make(Code::bad_argument, "mapping_type \"%.*s\" (expected SYMMETRIC, SYMMETRIC_NO_CLIPPING_ERR or ASYMMETRIC)",
                       static_cast<int>(mapping.size()), mapping.data());
  Blocks blocks;
  Range range;
  PF_TRY(Blocks::tiles(x, a.ints(2), &blocks));
  PF_TRY(range_of(a, 4, a.dtype(3, DType::i8), &range));
  if (range.low >= range.high)
    return Error::make(Code::bad_argument, "integers %lld..%lld", static_cast<long long>(range.low), static_cast<long long>(range.high));
  Shape shape;
  for (int d = 0; d < x.rank(); ++d) {
    const int64_t size = blocks.size[d];
    if (size == 0 || (x.size(d) == 0 && size > 0)) return Error::make(Code::bad_argument, "%s without elements", TypeText(x).c_str());
    if (a.boolean(9) || size == 1 || size != x.size(d)) shape.push(x.size(d) / size);
  }
  outs[0] = {a.dtype(7, x.dtype), shape};
  outs[1] = {a.dtype(8, asymmetric ? DType::i32 : x.dtype), shape};
  return {};
}

ChooseQparams::Rule ChooseQparams::rule(const Args& a) {
  const DType dtype = a.tensor(0).dtype;
  const std::string_view name = a.string(1);
  Range range;
  (void)range_of(a, 4, a.dtype(3, DType::i8), &range);  // `infer` has asked
  return {name == "ASYMMETRIC" ? Rule::Mapping::asymmetric : name == "SYMMETRIC" ? Rule::Mapping::symmetric
      : Rule::Mapping::no_clipping, dtype,
          static_cast<double>(range.low), static_cast<double>(range.high), a.real(6, smallest(dtype))};
}

ChooseQparams::Rule::Parameters ChooseQparams::Rule::operator()(double least, double most) const {
  const auto in_dtype = [&](double v) { return round_to(dtype, v); };
  least = least > 0 ? 0 : least;  // NaN stays
  most = most < 0 ? 0 : most;
  double scale;
  switch (mapping) {
    case Mapping::symmetric: scale = in_dtype(std::max(-least, most) / ((high - low) / 2)); break;
    case Mapping::no_clipping: scale = std::max(in_dtype(least / low), in_dtype(most / high)); break;
    default: scale = in_dtype(in_dtype(most - least) / (high - low));
  }
  if (scale < eps) scale = in_dtype(eps);
  if (mapping != Mapping::asymmetric) return {scale, std::trunc((high + low + 1) / 2)};
  return {scale, std::clamp(in_dtype(low - std::nearbyint(in_dtype(least / scale))), low, high)};
}

Error ChooseQparams::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  const Rule choose = rule(a);
  Blocks blocks;
  PF_TRY(Blocks::tiles(x, a.ints(2), &blocks));
  Shape of_blocks = x.shape, in_block = x.shape;
  for (int d = 0; d < x.rank(); ++d) {
    in_block.sizes[d] = blocks.size[d];
    of_blocks.sizes[d] = x.size(d) / blocks.size[d];
  }
  int64_t block = 0;
  for (Index b(of_blocks); b.valid(); b.next(), ++block) {
    int64_t first = 0;
    for (int d = 0; d < x.rank(); ++d) first += b[d] * blocks.size[d] * x.strides[d];
    double least = 0, most = 0;
    bool nan = false;
    for (Index i(in_block); i.valid(); i.next()) {
      int64_t at = first;
      for (int d = 0; d < x.rank(); ++d) at += i[d] * x.strides[d];
      const double v = load_real(x, at);
      nan |= v != v;
      least = std::min(least, v);
      most = std::max(most, v);
    }
    if (nan) least = most = std::numeric_limits<double>::quiet_NaN();
    store_parameters(outs, block, choose(least, most));
  }
  return {};
}

void ChooseQparams::store_parameters(std::span<TensorView> outs, int64_t block, const Rule::Parameters& p) {
  const int64_t scale_at = leading_offset(outs[0], outs[0].rank(), block), zero_at = leading_offset(outs[1], outs[1].rank(), block);
  store_real(outs[0], scale_at, p.scale);
  if (is_floating(outs[1].dtype))
    store_real(outs[1], zero_at, p.zero_point);
  else
    store_int(outs[1], zero_at, clamped(p.zero_point, INT32_MIN, INT32_MAX));
}

}  // namespace portfire::ops::torchao
