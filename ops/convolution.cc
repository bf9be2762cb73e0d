#include "ops/convolution.h"

#include <algorithm>

#include "ops/reader.h"
#include "ops/spatial.h"

namespace portfire::ops::convolution {

Error read_geometry(const Args& a, Geometry* g) {
  g->spatial = a.tensor(0).rank() - 2;
  if (g->spatial < 1 || g->spatial > kVolumeDims)
    return Error::make(Code::bad_argument, "input %s (expected rank 3, 4 or 5)",
                       TypeText(a.tensor(0)).c_str());
  PF_TRY(volume_ints("stride", a.ints(3), g->spatial, 1, 1, g->stride));
  PF_TRY(volume_ints("padding", a.ints(4), g->spatial, 0, 0, g->padding));
  PF_TRY(volume_ints("dilation", a.ints(5), g->spatial, 1, 1, g->dilation));
  PF_TRY(volume_ints("output_padding", a.ints(7), g->spatial, 0, 0, g->extra));
  g->transposed = a.boolean(6);
  g->groups = a.integer(8);
  for (int d = 0; d < kVolumeDims; ++d)
    if (g->stride[d] < 1 || g->dilation[d] < 1)
      return Error::make(Code::bad_argument, "stride %lld, dilation %lld (expected 1 or more)",
                         static_cast<long long>(g->stride[d]),
                         static_cast<long long>(g->dilation[d]));
  return {};
}

Geometry::Pairs Geometry::pairs(int d, int64_t tap, int64_t low, int64_t high,
                                int64_t in_size) const {
  const int64_t s = stride[d], shift = tap * dilation[d] - padding[d];
  if (transposed) {
    const int64_t first = std::max<int64_t>(0, ceil_divide(low - shift, s)),
                  last = std::min(in_size - 1, floor_divide(high - 1 - shift, s));
    return {first * s + shift, first, std::max<int64_t>(0, last - first + 1)};
  }
  const int64_t first = std::max(low, ceil_divide(-shift, s)),
                last = std::min(high - 1, floor_divide(in_size - 1 - shift, s));
  return {first, first * s + shift, std::max<int64_t>(0, last - first + 1)};
}

namespace {

constexpr int64_t kStrip = 128;  // outputs of a row summed at once

template <class Reader>
void convolve(const Geometry& c, const TensorView& x, const TensorView& w, const TensorView* bias,
              const TensorView& y) {
  using Sum = typename Reader::Sum;
  const Reader in(x), weight(w);
  const int64_t outs_per_group = y.size(1) / c.groups, ins_per_group = x.size(1) / c.groups;
  const int64_t out_step = c.transposed ? c.stride[2] : 1, in_step = c.transposed ? 1 : c.stride[2];

  // Adds what channel `ic` of image n brings to outputs [low, low + strip) of the row at od, oh.
  auto add_channel = [&](Sum* sum, int64_t n, int64_t ic, int64_t oc, int64_t od, int64_t oh,
                         int64_t low, int64_t high) {
    const int64_t kernel = c.transposed
                               ? ic * w.strides[0] + oc % outs_per_group * w.strides[1]
                               : oc * w.strides[0] + ic % ins_per_group * w.strides[1];
    for (int64_t kd = 0; kd < w.size(2); ++kd) {
      const Geometry::Pairs deep = c.pairs(0, kd, od, od + 1, x.size(2));
      for (int64_t kh = 0; deep.count && kh < w.size(3); ++kh) {
        const Geometry::Pairs tall = c.pairs(1, kh, oh, oh + 1, x.size(3));
        for (int64_t kw = 0; tall.count && kw < w.size(4); ++kw) {
          const Geometry::Pairs run = c.pairs(2, kw, low, high, x.size(4));
          const Sum factor =
              weight[kernel + kd * w.strides[2] + kh * w.strides[3] + kw * w.strides[4]];
          const int64_t from = n * x.strides[0] + ic * x.strides[1] + deep.i * x.strides[2] +
                               tall.i * x.strides[3] + run.i * x.strides[4];
          Sum* to = sum + run.o - low;
          for (int64_t t = 0; t < run.count; ++t)
            to[t * out_step] += factor * in[from + t * in_step * x.strides[4]];
        }
      }
    }
  };

  Shape rows;  // all but W
  for (int d = 0; d < 4; ++d) rows.push(y.size(d));
  for (Index at(rows); at.valid(); at.next()) {
    const int64_t group = at[1] / outs_per_group;
    const int64_t to = at[0] * y.strides[0] + at[1] * y.strides[1] + at[2] * y.strides[2] +
                       at[3] * y.strides[3];
    for (int64_t low = 0; low < y.size(4); low += kStrip) {
      const int64_t high = std::min(low + kStrip, y.size(4));
      Sum sum[kStrip];
      std::fill_n(sum, kStrip, bias ? Sum(Reader(*bias)[at[1] * bias->strides[0]]) : Sum(0));
      for (int64_t ic = group * ins_per_group; ic < (group + 1) * ins_per_group; ++ic)
        add_channel(sum, at[0], ic, at[1], at[2], at[3], low, high);
      for (int64_t o = low; o < high; ++o) store_sum(y, to + o * y.strides[4], sum[o - low]);
    }
  }
}

}  // namespace

Error Convolution::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &w = a.tensor(1);
  const TensorView* bias = a.optional_tensor(2);
  Geometry c;
  PF_TRY(read_geometry(a, &c));
  if (w.dtype != x.dtype || (bias && bias->dtype != x.dtype) || is_complex(x.dtype))
    return Error::make(Code::bad_argument,
                       "weight or bias %s for input %s (expected one real dtype)",
                       TypeText(w).c_str(), TypeText(x).c_str());
  if (w.rank() != x.rank() || c.groups < 1 || x.size(1) % c.groups ||
      (c.transposed ? w.size(0) != x.size(1)
                    : w.size(1) * c.groups != x.size(1) || w.size(0) % c.groups))
    return Error::make(Code::bad_argument, "weight %s does not fit input %s in %lld groups",
                       TypeText(w).c_str(), TypeText(x).c_str(), static_cast<long long>(c.groups));
  const int64_t channels = c.transposed ? w.size(1) * c.groups : w.size(0);
  if (bias && (bias->rank() != 1 || bias->size(0) != channels))
    return Error::make(Code::bad_argument, "bias %s (expected %lld items)", TypeText(*bias).c_str(),
                       static_cast<long long>(channels));
  Shape y;
  y.push(x.size(0));
  y.push(channels);
  for (int i = 0; i < c.spatial; ++i) {
    const int d = i + kVolumeDims - c.spatial;
    const int64_t reach = c.dilation[d] * (w.size(i + 2) - 1) + 1;
    const int64_t size =
        c.transposed ? (x.size(i + 2) - 1) * c.stride[d] - 2 * c.padding[d] + reach + c.extra[d]
                     : floor_divide(x.size(i + 2) + 2 * c.padding[d] - reach, c.stride[d]) + 1;
    if (size < 0 || (size == 0 && x.size(i + 2) > 0 && (c.transposed || !a.context().sampled)))
      return Error::make(
          Code::bad_argument, "kernel reaches over %lld (expected at most %lld, the padded input)",
          static_cast<long long>(reach), static_cast<long long>(x.size(i + 2) + 2 * c.padding[d]));
    y.push(size);
  }
  outs[0] = {x.dtype, y};
  return {};
}

Error Convolution::reference(const Args& a, std::span<TensorView> outs) {
  Geometry c;
  PF_TRY(read_geometry(a, &c));
  const TensorView x = as_volume(a.tensor(0), c.spatial), w = as_volume(a.tensor(1), c.spatial),
                   y = as_volume(outs[0], c.spatial);
  with_reader(x.dtype, [&](auto reader) {
    convolve<typename decltype(reader)::type>(c, x, w, a.optional_tensor(2), y);
  });
  return {};
}

}  // namespace portfire::ops::convolution
