#include "ops/masked.h"

#include <algorithm>

#include "ops/creation.h"
#include "ops/element.h"
#include "ops/rows.h"
#include "ops/strips.h"

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

// Which of n <= kStrip elements are true.
void load_truth(const TensorView& x, int64_t offset, int64_t stride, int64_t n, bool* out) {
  if (byte_size(x.dtype) == 1) {
    for (int64_t j = 0; j < n; ++j) out[j] = x.as<const uint8_t>()[offset + j * stride] != 0;
    return;
  }
  with_wide(x.dtype, [&]<class T>(T zero) {
    T values[kStrip];
    load(x, offset, stride, n, values);
    for (int64_t j = 0; j < n; ++j) out[j] = values[j] != zero;
  });
}

// The indices of true elements in row-major order, as rows of `out`, which has room for `most`. Gives how many.
// Masks are as good as random, so a row's last indices are written without asking, over those that are not to stay.
int64_t true_places(const TensorView& x, const TensorView& out, int64_t most) {
  const int last = x.rank() - 1;
  if (last < 0) return most > 0 && is_true(x, 0);
  auto* const to = out.as<int64_t>();
  const int64_t row = out.strides[0], column = out.strides[1];
  Shape outer = x.shape;
  outer.sizes[last] = x.size(last) > 0;
  int64_t n = 0;
  for (Index i(outer); i.valid(); i.next()) {
    const int64_t first = n;
    int64_t from = 0;
    for (int d = 0; d < last; ++d) from += i[d] * x.strides[d];
    for (int64_t at = 0; at < x.size(last); at += kStrip) {
      bool truth[kStrip];
      const int64_t count = std::min(x.size(last) - at, kStrip);
      load_truth(x, from + at * x.strides[last], x.strides[last], count, truth);
      for (int64_t j = 0; j < count && n < most; ++j) {
        to[n * row + last * column] = at + j;
        n += truth[j];
      }
    }
    for (int d = 0; d < last; ++d)
      for (int64_t k = first; k < n; ++k) to[k * row + d * column] = i[d];
  }
  return n;
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
      to[n * out.strides[0]] = from[i];  // stays if it is chosen
      n += chosen[m] != 0;
    });
  });
  out.shape.sizes[0] = n;
  return {};
}

Error MaskedRows::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &mask = a.tensor(1);
  const int64_t dim = a.integer(2);
  PF_TRY(check_mask(mask));
  bool fits = dim >= 0 && dim < x.rank() && mask.rank() > 0 && dim + mask.rank() <= x.rank();
  for (int d = 0; fits && d < mask.rank(); ++d) fits = mask.size(d) == x.size(static_cast<int>(dim) + d);
  if (!fits)
    return Error::make(Code::bad_argument, "mask %s of %s at dim %lld", TypeText(mask).c_str(), TypeText(x).c_str(), static_cast<long long>(dim));
  outs[0] = {x.dtype, Shape()};
  for (int d = 0; d < x.rank(); ++d)
    if (d < dim || d >= dim + mask.rank()) outs[0].shape.push(x.size(d));
    else if (d == dim) outs[0].shape.push(mask.numel());
  return {};
}

Error MaskedRows::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &mask = a.tensor(1);
  TensorView& out = outs[0];
  const int dim = static_cast<int>(a.integer(2));
  int64_t count = 0;
  for (Index at(mask.shape); at.valid(); at.next()) count += is_true(mask, at.offset(mask));
  out.shape.sizes[dim] = count;
  out.set_contiguous();
  int64_t row = 0;
  for (Index at(mask.shape); at.valid(); at.next()) {
    if (!is_true(mask, at.offset(mask))) continue;
    TensorView from = x;
    from.shape = Shape();
    int64_t offset = 0;
    for (int d = 0; d < x.rank(); ++d) {
      const bool masked = d >= dim && d < dim + mask.rank();
      if (masked) offset += at[d - dim] * x.strides[d];
      if (masked && d > dim) continue;
      from.strides[from.rank()] = x.strides[d];
      from.shape.push(masked ? 1 : x.size(d));
    }
    copy_view(sliced(out, dim, row++, 1), shifted(from, offset));
  }
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
  outs[0].shape.sizes[0] = true_places(a.tensor(0), outs[0], a.tensor(0).numel());
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
  const int64_t n = true_places(x, out, out.size(0));
  fill_view(sliced(out, 0, n, out.size(0) - n), a.integer(2));
  return {};
}

}  // namespace portfire::ops::masked
