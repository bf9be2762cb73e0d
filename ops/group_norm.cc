#include "ops/group_norm.h"

#include <cmath>

#include "ops/reader.h"

namespace portfire::ops::group_norm {

Error NativeGroupNorm::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  const int64_t groups = a.integer(6);
  if (!is_floating(x.dtype) || x.rank() < 2 || x.size(0) != a.integer(3) ||
      x.size(1) != a.integer(4))
    return Error::make(Code::bad_argument,
                       "input %s (expected a floating dtype and [%lld,%lld,...])",
                       TypeText(x).c_str(), static_cast<long long>(a.integer(3)),
                       static_cast<long long>(a.integer(4)));
  if (groups < 1 || x.size(1) % groups)
    return Error::make(Code::bad_argument, "%lld groups (expected a divisor of %lld channels)",
                       static_cast<long long>(groups), static_cast<long long>(x.size(1)));
  for (int i : {1, 2})
    if (const TensorView* p = a.optional_tensor(i);
        p && (p->rank() != 1 || p->size(0) != x.size(1)))
      return Error::make(Code::bad_argument, "weight or bias %s (expected %lld items)",
                         TypeText(*p).c_str(), static_cast<long long>(x.size(1)));
  const TensorView* p = a.none(1) ? a.optional_tensor(2) : a.optional_tensor(1);
  Shape each;
  each.push(x.size(0));
  each.push(groups);
  outs[0] = {x.dtype, x.shape};
  outs[1] = outs[2] = {p ? p->dtype : x.dtype, each};
  return {};
}

Error NativeGroupNorm::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &x = a.tensor(0), &y = outs[0];
  const TensorView *w = a.optional_tensor(1), *b = a.optional_tensor(2);
  const int64_t groups = a.integer(6), each = x.size(1) / groups;
  const double eps = a.real(7);
  with_reader(x.dtype, [&](auto type) {
    using Reader = typename decltype(type)::type;
    for (int64_t g = 0; g < x.size(0) * groups; ++g) {
      // Channels of one image follow one another in the row-major count over N and C.
      double mean = 0, square = 0, count = 0;
      for (int64_t c = g * each; c < (g + 1) * each; ++c) {
        const TensorView plane = item(x, 2, c);
        const Reader in(plane);
        walk([&](const int64_t* at) { mean += static_cast<double>(in[at[0]]); }, plane);
        count += static_cast<double>(plane.numel());
      }
      mean /= count;
      for (int64_t c = g * each; c < (g + 1) * each; ++c) {
        const TensorView plane = item(x, 2, c);
        const Reader in(plane);
        walk(
            [&](const int64_t* at) {
              const double d = static_cast<double>(in[at[0]]) - mean;
              square += d * d;
            },
            plane);
      }
      const double rstd = 1 / std::sqrt(square / count + eps);
      for (int64_t c = g * each; c < (g + 1) * each; ++c) {
        const TensorView plane = item(x, 2, c), to = item(y, 2, c);
        const Reader in(plane);
        const int64_t channel = c % x.size(1);
        const double factor = rstd * (w ? load_real(*w, channel * w->strides[0]) : 1),
                     shift = b ? load_real(*b, channel * b->strides[0]) : 0;
        walk(
            [&](const int64_t* at) {
              store_sum(to, at[1], (static_cast<double>(in[at[0]]) - mean) * factor + shift);
            },
            plane, to);
      }
      store_real(outs[1], leading_offset(outs[1], 2, g), mean);
      store_real(outs[2], leading_offset(outs[2], 2, g), rstd);
    }
  });
  return {};
}

}  // namespace portfire::ops::group_norm
