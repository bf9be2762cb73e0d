#include "ops/shuffle.h"

#include "ops/element.h"

namespace portfire::ops::shuffle {
namespace {

// The side [.., C, H r, W r] of a shuffle as [.., C, r, r, H, W], the order of the other side.
TensorView unfolded(const TensorView& t, int64_t r) {
  const int n = t.rank() - 3;
  TensorView v = t;
  v.shape.rank = t.rank() + 2;
  const int64_t h = t.size(n + 1) / r, w = t.size(n + 2) / r, row = t.strides[n + 1], column = t.strides[n + 2];
  const int64_t sizes[] = {r, r, h, w}, strides[] = {row, column, row * r, column * r};
  for (int i = 0; i < 4; ++i) {
    v.shape.sizes[n + 1 + i] = sizes[i];
    v.strides[n + 1 + i] = strides[i];
  }
  return v;
}
// The side [.., C r^2, H, W] likewise.
TensorView split_channels(const TensorView& t, int64_t r) {
  const int n = t.rank() - 3;
  TensorView v = t;
  v.shape.rank = t.rank() + 2;
  const int64_t c = t.size(n) / (r * r), step = t.strides[n];
  const int64_t sizes[] = {c, r, r, t.size(n + 1), t.size(n + 2)};
  const int64_t strides[] = {step * r * r, step * r, step, t.strides[n + 1], t.strides[n + 2]};
  for (int i = 0; i < 5; ++i) {
    v.shape.sizes[n + i] = sizes[i];
    v.strides[n + i] = strides[i];
  }
  return v;
}

Error check(const TensorView& x, int64_t r, bool up) {
  const int n = x.rank() - 3;
  if (n >= 0 && x.rank() + 2 <= kMaxRank && r > 0 && r < (int64_t{1} << 20) &&
      (up ? x.size(n) % (r * r) == 0 : x.size(n + 1) % r == 0 && x.size(n + 2) % r == 0))
    return {};
  return Error::make(Code::bad_argument, "%s by a factor of %lld", TypeText(x).c_str(), static_cast<long long>(r));
}

}  // namespace

Error PixelShuffle::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  const int64_t r = a.integer(1);
  PF_TRY(check(x, r, true));
  outs[0] = {x.dtype, x.shape};
  int64_t* s = outs[0].shape.sizes + x.rank() - 3;
  s[0] /= r * r, s[1] *= r, s[2] *= r;
  return {};
}
Error PixelShuffle::reference(const Args& a, std::span<TensorView> outs) {
  copy_view(unfolded(outs[0], a.integer(1)), split_channels(a.tensor(0), a.integer(1)));
  return {};
}

Error PixelUnshuffle::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  const int64_t r = a.integer(1);
  PF_TRY(check(x, r, false));
  outs[0] = {x.dtype, x.shape};
  int64_t* s = outs[0].shape.sizes + x.rank() - 3;
  s[0] *= r * r, s[1] /= r, s[2] /= r;
  return {};
}
Error PixelUnshuffle::reference(const Args& a, std::span<TensorView> outs) {
  copy_view(split_channels(outs[0], a.integer(1)), unfolded(a.tensor(0), a.integer(1)));
  return {};
}

}  // namespace portfire::ops::shuffle
