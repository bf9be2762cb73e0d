#include "ops/masked.h"

#include "ops/creation.h"
#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::ops::masked {
namespace {

bool is_true(const TensorView& t, int64_t offset) {
  if (is_complex(t.dtype)) return load_complex(t, offset) != 0.0;
  return is_floating(t.dtype) ? load_real(t, offset) != 0 : load_int(t, offset) != 0;
}

Error check_mask(const TensorView& mask) {
  if (mask.dtype == DType::boolean || mask.dtype == DType::u8) return {};
  return Error::make(Code::bad_argument, "mask %s (expected bool)", TypeText(mask).c_str());
}

// Row-major walk over `shape`, which both broadcast to: f(offset in a, offset in b), in order.
template <class F>
void each_pair(const Shape& shape, const TensorView& a, const TensorView& b, F f) {
  const TensorView x = broadcast_view(a, shape), y = broadcast_view(b, shape);
  for (Rows r(shape, {x.strides, y.strides}); r.valid(); r.next())
    for (int64_t j = 0; j < r.length(); ++j) f(r.offset(0) + j * r.step(0), r.offset(1) + j * r.step(1));
}

}  // namespace

Error MaskedFillScalar::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(check_mask(a.tensor(1)));
  outs[0].dtype = a.tensor(0).dtype;
  return broadcast(a.tensor(0).shape, a.tensor(1).shape, &outs[0].shape);
}
Error MaskedFillScalar::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &out = outs[0], &mask = a.tensor(1);
  copy_view(out, a.tensor(0));
  each_pair(out.shape, out, mask, [&](int64_t o, int64_t m) {
    if (!is_true(mask, m)) return;
    if (is_floating(out.dtype))
      store_real(out, o, a.real(2));
    else
      store_int(out, o, a.integer(2));
  });
  return {};
}

Error MaskedScatter::infer(const Args& a, std::span<TensorSpec> outs) {
  PF_TRY(check_mask(a.tensor(1)));
  if (a.tensor(2).dtype != a.tensor(0).dtype)
    return Error::make(Code::bad_argument, "source is %s (expected %s)", name_of(a.tensor(2).dtype),
                       name_of(a.tensor(0).dtype));
  outs[0].dtype = a.tensor(0).dtype;
  return broadcast(a.tensor(0).shape, a.tensor(1).shape, &outs[0].shape);
}
Error MaskedScatter::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &out = outs[0], &mask = a.tensor(1), &source = a.tensor(2);
  copy_view(out, a.tensor(0));
  Index from(source.shape);
  bool enough = true;
  each_pair(out.shape, out, mask, [&](int64_t o, int64_t m) {
    if (!is_true(mask, m) || !enough) return;
    enough = from.valid();
    if (!enough) return;
    copy_element(out, o, source, from.offset(source));
    from.next();
  });
  if (!enough)
    return Error::make(Code::bad_argument, "the mask has more true elements than source %s has elements",
                       TypeText(source).c_str());
  return {};
}

Error MaskedSelect::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &mask = a.tensor(1);
  PF_TRY(check_mask(mask));
  Shape both;
  PF_TRY(broadcast(x.shape, mask.shape, &both));
  outs[0].dtype = x.dtype;
  outs[0].shape = Shape();
  outs[0].shape.push(both.numel());
  return {};
}
Error MaskedSelect::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &mask = a.tensor(1);
  TensorView& out = outs[0];
  Shape both;
  PF_TRY(broadcast(x.shape, mask.shape, &both));
  int64_t n = 0;
  const auto* chosen = mask.as<const uint8_t>();
  with_bits(x.dtype, [&](auto tag) {
    const auto* from = x.as<decltype(tag)>();
    auto* to = out.as<decltype(tag)>();
    each_pair(both, x, mask, [&](int64_t i, int64_t m) {
      if (chosen[m] != 0) to[n++ * out.strides[0]] = from[i];
    });
  });
  out.shape.sizes[0] = n;
  return {};
}

Error Nonzero::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  outs[0].dtype = DType::i64;
  outs[0].shape = Shape();
  outs[0].shape.push(x.numel());
  outs[0].shape.push(x.rank());
  return {};
}
Error Nonzero::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView& x = a.tensor(0);
  TensorView& out = outs[0];
  int64_t n = 0;
  for (Index i(x.shape); i.valid(); i.next()) {
    if (!is_true(x, i.offset(x))) continue;
    for (int d = 0; d < x.rank(); ++d) out.as<int64_t>()[n * out.strides[0] + d * out.strides[1]] = i[d];
    ++n;
  }
  out.shape.sizes[0] = n;
  return {};
}

Error NonzeroStatic::infer(const Args& a, std::span<TensorSpec> outs) {
  if (a.integer(1) < 0) return Error::make(Code::bad_argument, "size %lld", static_cast<long long>(a.integer(1)));
  outs[0].dtype = DType::i64;
  outs[0].shape = Shape();
  outs[0].shape.push(a.integer(1));
  outs[0].shape.push(a.tensor(0).rank());
  return {};
}
Error NonzeroStatic::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &out = outs[0];
  fill_view(out, a.integer(2));
  int64_t n = 0;
  for (Index i(x.shape); i.valid() && n < out.size(0); i.next()) {
    if (!is_true(x, i.offset(x))) continue;
    for (int d = 0; d < x.rank(); ++d) out.as<int64_t>()[n * out.strides[0] + d * out.strides[1]] = i[d];
    ++n;
  }
  return {};
}

}  // namespace portfire::ops::masked
