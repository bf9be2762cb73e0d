#include "ops/pad.h"

#include "ops/creation.h"
#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::ops::pad {
namespace {

// What comes before and after dimension `d` of a tensor of `rank` dimensions.
int64_t before(std::span<const int64_t> pad, int rank, int d) {
  const size_t i = static_cast<size_t>(rank - 1 - d) * 2;
  return i < pad.size() ? pad[i] : 0;
}
int64_t after(std::span<const int64_t> pad, int rank, int d) {
  const size_t i = static_cast<size_t>(rank - 1 - d) * 2 + 1;
  return i < pad.size() ? pad[i] : 0;
}

Error padded_shape(const TensorView& x, std::span<const int64_t> pad, Shape* out) {
  if (pad.size() % 2 || static_cast<int>(pad.size()) > 2 * x.rank())
    return Error::make(Code::bad_argument, "%zu paddings of %s", pad.size(), TypeText(x).c_str());
  constexpr int64_t kMost = INT64_MAX / 4;  // no sum of two and a size wraps
  for (int64_t p : pad)
    if (p > kMost || p < -kMost)
      return Error::make(Code::bad_argument, "padding %lld of %s", static_cast<long long>(p), TypeText(x).c_str());
  *out = x.shape;
  for (int d = 0; d < x.rank(); ++d) {
    const int64_t n = x.size(d) + before(pad, x.rank(), d) + after(pad, x.rank(), d);
    if (n < 0)
      return Error::make(Code::bad_argument, "padding leaves %lld at dim %d of %s", static_cast<long long>(n), d,
                         TypeText(x).c_str());
    out->sizes[d] = n;
  }
  return {};
}

}  // namespace

Error ConstantPad::infer(const Args& a, std::span<TensorSpec> outs) {
  outs[0].dtype = a.tensor(0).dtype;
  return padded_shape(a.tensor(0), a.ints(1), &outs[0].shape);
}

Error ConstantPad::reference(const Args& a, std::span<TensorView> outs) {
  TensorView to = outs[0], from = a.tensor(0);
  const auto pad = a.ints(1);
  creation::fill_with(to, a.scalar(2));
  for (int d = 0; d < to.rank(); ++d) {
    const int64_t b = before(pad, to.rank(), d), n = from.size(d);
    const int64_t first = b < 0 ? -b : 0;  // of those that stay
    int64_t end = n + after(pad, to.rank(), d);
    end = end < n ? end : n;
    const int64_t count = end > first ? end - first : 0;
    from = sliced(from, d, first, count);
    to = sliced(to, d, first + b, count);
  }
  copy_view(to, from);
  return {};
}

Error infer_pad(const Args& a, Mode mode, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  const auto pad = a.ints(1);
  outs[0].dtype = x.dtype;
  if (x.rank() == 0) return Error::make(Code::bad_argument, "a tensor of rank 0 (expected 1 or more)");
  PF_TRY(padded_shape(x, pad, &outs[0].shape));
  for (int d = 0; d < x.rank(); ++d) {
    const int64_t b = before(pad, x.rank(), d), e = after(pad, x.rank(), d), n = x.size(d);
    // The farthest that a border may reach: around the circle there is only what cropping leaves.
    const int64_t left = n + (b < 0 ? b : 0) + (e < 0 ? e : 0);
    const int64_t most = mode == Mode::reflect ? n - 1 : mode == Mode::circular ? left : INT64_MAX;
    if ((b > 0 || e > 0) && (n == 0 || b > most || e > most))
      return Error::make(Code::bad_argument, "padding %lld, %lld at dim %d of %s (expected at most %lld)",
                         static_cast<long long>(b), static_cast<long long>(e), d, TypeText(x).c_str(),
                         static_cast<long long>(most));
  }
  return {};
}

Error run_pad(const Args& a, Mode mode, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &out = outs[0];
  const auto pad = a.ints(1);
  auto source = [&](int d, int64_t i) {
    const int64_t n = x.size(d), b = before(pad, x.rank(), d), e = after(pad, x.rank(), d);
    const int64_t first = b < 0 ? -b : 0, left = n - first + (e < 0 ? e : 0);
    i -= b;
    switch (mode) {
      case Mode::reflect: return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i;
      case Mode::replicate: return i < 0 ? int64_t{0} : i < n ? i : n - 1;
      case Mode::circular: return i < first ? i + left : i < first + left ? i : i - left;
    }
    return i;
  };
  if (out.numel() == 0) return {};  // of any number of rows
  const int last = x.rank() - 1;
  Shape rows = out.shape;
  rows.rank = last;
  return with_bits(x.dtype, [&](auto tag) -> Error {
    for (Index at(rows); at.valid(); at.next()) {
      int64_t from = 0, to = 0;
      for (int d = 0; d < last; ++d) {
        from += source(d, at[d]) * x.strides[d];
        to += at[d] * out.strides[d];
      }
      const auto* row = x.as<decltype(tag)>() + from;
      auto* y = out.as<decltype(tag)>() + to;
      for (int64_t i = 0; i < out.size(last); ++i) y[i * out.strides[last]] = row[source(last, i) * x.strides[last]];
    }
    return {};
  });
}

}  // namespace portfire::ops::pad
