#include "ops/torchao.h"

namespace portfire::ops::torchao {
namespace {

// quant_min and quant_max, those of the dtype where there are none.
struct Range {
  int64_t low = 0, high = 0;
  double width() const { return static_cast<double>(high) - static_cast<double>(low); }
};
Error range_of(const Args& a, size_t first, DType dtype, Range* out) {
  int64_t low, high;
  if (!quantized_range(dtype, &low, &high))
    return Error::make(Code::bad_argument, "integers of %s (expected u8, i8, i16, u16 or i32)", name_of(dtype));
  const Range r{a.none(first) ? low : a.integer(first), a.none(first + 1) ? high : a.integer(first + 1)};
  if (r.low < low || r.high > high)
    return Error::make(Code::bad_argument, "integers %lld..%lld of %s", static_cast<long long>(r.low), static_cast<long long>(r.high), name_of(dtype));
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

Error ChooseQparams::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  const std::string_view mapping = a.string(1);
  Blocks blocks;
  Range range;
  PF_TRY(Blocks::tiles(x, a.ints(2), &blocks));
  PF_TRY(range_of(a, 4, a.dtype(3, DType::i8), &range));
  Shape of_blocks = x.shape, in_block = x.shape;
  for (int d = 0; d < x.rank(); ++d) {
    in_block.sizes[d] = blocks.size[d];
    of_blocks.sizes[d] = x.size(d) / blocks.size[d];
  }
  const auto in_dtype = [&](double v) { return round_to(x.dtype, v); };
  const auto low = static_cast<double>(range.low), high = static_cast<double>(range.high);
  const double eps = a.real(6, smallest(x.dtype));
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
    if (nan) least = most = std::nan("");
    double scale, zero = std::trunc((high + low + 1) / 2);
    if (mapping == "SYMMETRIC")
      scale = in_dtype(std::max(-least, most) / (range.width() / 2));
    else if (mapping == "ASYMMETRIC")
      scale = in_dtype(in_dtype(most - least) / range.width());
    else
      scale = std::max(in_dtype(least / low), in_dtype(most / high));
    if (scale < eps) scale = in_dtype(eps);
    if (mapping == "ASYMMETRIC") zero = std::clamp(in_dtype(low - std::nearbyint(in_dtype(least / scale))), low, high);
    const int64_t to = leading_offset(outs[0], outs[0].rank(), block), to_zero = leading_offset(outs[1], outs[1].rank(), block);
    store_real(outs[0], to, scale);
    is_floating(outs[1].dtype) ? store_real(outs[1], to_zero, zero) : store_int(outs[1], to_zero, clamped(zero, range.low, range.high));
  }
  return {};
}

}  // namespace portfire::ops::torchao
