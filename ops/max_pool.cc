#include "ops/max_pool.h"

#include "ops/reader.h"
#include "ops/spatial.h"

namespace portfire::ops::max_pool {
namespace {

Error check_input(const TensorView& x, int spatial) {
  if (x.rank() != spatial + 1 && x.rank() != spatial + 2)
    return Error::make(Code::bad_argument, "input %s (expected rank %d or %d)",
                       TypeText(x).c_str(), spatial + 1, spatial + 2);
  if (is_complex(x.dtype) || x.dtype == DType::boolean)
    return Error::make(Code::bad_argument, "input %s (expected numbers that compare)",
                       TypeText(x).c_str());
  for (int d = x.rank() - spatial; d < x.rank(); ++d)
    if (x.size(d) < 1)
      return Error::make(Code::bad_argument, "input %s (expected something to pool over)",
                         TypeText(x).c_str());
  return {};
}

Error set_outs(const TensorView& x, const int64_t* sizes, int spatial, std::span<TensorSpec> outs) {
  Shape y = x.shape;
  for (int i = 0; i < spatial; ++i) {
    const int64_t size = sizes[kVolumeDims - spatial + i];
    if (size < 0)
      return Error::make(Code::bad_argument, "output size %lld", static_cast<long long>(size));
    y.sizes[y.rank - spatial + i] = size;
  }
  outs[0] = {x.dtype, y};
  if (outs.size() > 1) outs[1] = {DType::i64, y};
  return {};
}

// range(n, c, d, o): the window of output o along dimension d of D, H, W in image n, channel c.
template <class RangeOf>
void pool(const TensorView& input, int spatial, std::span<TensorView> outs, RangeOf range) {
  const TensorView x = as_volume(input, spatial), y = as_volume(outs[0], spatial);
  const TensorView* const indices = outs.size() > 1 ? &outs[1] : nullptr;
  const TensorView places = indices ? as_volume(*indices, spatial) : y;
  with_reader(x.dtype, [&](auto type) {
    using Reader = typename decltype(type)::type;
    const Reader in(x);
    for (Index at(y.shape); at.valid(); at.next()) {
      const Range d = range(at[0], at[1], 0, at[2]), h = range(at[0], at[1], 1, at[3]),
                  w = range(at[0], at[1], 2, at[4]);
      const int64_t plane = at[0] * x.strides[0] + at[1] * x.strides[1];
      typename Reader::Sum most = 0;
      int64_t best = -1, from = plane;
      for (int64_t i = d.begin; i < d.end; i += d.step)
        for (int64_t j = h.begin; j < h.end; j += h.step)
          for (int64_t k = w.begin; k < w.end; k += w.step) {
            const int64_t offset = plane + i * x.strides[2] + j * x.strides[3] + k * x.strides[4];
            const auto v = in[offset];
            if (best >= 0 && !(v > most) && v == v) continue;
            most = v;
            from = offset;
            best = (i * x.size(3) + j) * x.size(4) + k;
          }
      int64_t to = 0, place = 0;
      for (int dim = 0; dim < y.rank(); ++dim) {
        to += at[dim] * y.strides[dim];
        place += at[dim] * places.strides[dim];
      }
      copy_element(y, to, x, from);
      if (indices) store_int(places, place, best);
    }
  });
}

// int((o + u) * alpha) - int(u * alpha) in the input's precision, as PyTorch rounds.
template <class T>
int64_t fractional_start(double u, int64_t o, int64_t in, int64_t outs, int64_t kernel) {
  if (o == outs - 1) return in - kernel;
  if (!(u >= 0 && u < 1)) u = 0;
  const T alpha = static_cast<T>(in - kernel) / static_cast<T>(outs - 1),
          sample = static_cast<T>(u);
  return static_cast<int64_t>((static_cast<T>(o) + sample) * alpha) -
         static_cast<int64_t>(sample * alpha);
}

}  // namespace

Error read_window(const Args& a, int spatial, Window* w) {
  w->spatial = spatial;
  w->ceil_mode = a.boolean(5);
  const auto stride = a.ints(2).empty() ? a.ints(1) : a.ints(2);
  PF_TRY(volume_ints("kernel_size", a.ints(1), spatial, 1, 1, w->kernel));
  PF_TRY(volume_ints("stride", stride, spatial, 1, 1, w->stride));
  PF_TRY(volume_ints("padding", a.ints(3), spatial, 0, 0, w->padding));
  return volume_ints("dilation", a.ints(4), spatial, 1, 1, w->dilation);
}

Error infer_pool(const Args& a, int spatial, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  Window w;
  PF_TRY(check_input(x, spatial));
  PF_TRY(read_window(a, spatial, &w));
  int64_t sizes[kVolumeDims];
  for (int d = kVolumeDims - spatial; d < kVolumeDims; ++d)
    PF_TRY(w.positions(d, x.size(x.rank() - kVolumeDims + d), &sizes[d]));
  return set_outs(x, sizes, spatial, outs);
}

Error run_pool(const Args& a, int spatial, std::span<TensorView> outs) {
  Window w;
  PF_TRY(read_window(a, spatial, &w));
  const TensorView x = as_volume(a.tensor(0), spatial);
  pool(a.tensor(0), spatial, outs,
       [&](int64_t, int64_t, int d, int64_t o) { return w.range(d, o, x.size(2 + d)); });
  return {};
}

Error infer_adaptive(const Args& a, int spatial, std::span<TensorSpec> outs) {
  int64_t sizes[kVolumeDims];
  PF_TRY(check_input(a.tensor(0), spatial));
  PF_TRY(volume_ints("output_size", a.ints(1), spatial, 1, 1, sizes));
  return set_outs(a.tensor(0), sizes, spatial, outs);
}

Error run_adaptive(const Args& a, int spatial, std::span<TensorView> outs) {
  const TensorView x = as_volume(a.tensor(0), spatial), y = as_volume(outs[0], spatial);
  pool(a.tensor(0), spatial, outs, [&](int64_t, int64_t, int d, int64_t o) {
    return adaptive_range(o, x.size(2 + d), y.size(2 + d));
  });
  return {};
}

Error infer_fractional(const Args& a, int spatial, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &u = a.tensor(3);
  int64_t sizes[kVolumeDims], kernel[kVolumeDims];
  PF_TRY(check_input(x, spatial));
  PF_TRY(volume_ints("kernel_size", a.ints(1), spatial, 1, 1, kernel));
  PF_TRY(volume_ints("output_size", a.ints(2), spatial, 1, 1, sizes));
  const TensorView v = as_volume(x, spatial);
  if (u.rank() != 3 || u.size(0) < v.size(0) || u.size(1) < v.size(1) || u.size(2) != spatial)
    return Error::make(Code::bad_argument, "random_samples %s for %s", TypeText(u).c_str(),
                       TypeText(x).c_str());
  for (int d = kVolumeDims - spatial; d < kVolumeDims; ++d)
    if (kernel[d] < 1 || sizes[d] < 1 || sizes[d] + kernel[d] - 1 > v.size(2 + d))
      return Error::make(Code::bad_argument, "%lld windows of %lld over %lld",
                         static_cast<long long>(sizes[d]), static_cast<long long>(kernel[d]),
                         static_cast<long long>(v.size(2 + d)));
  return set_outs(x, sizes, spatial, outs);
}

Error run_fractional(const Args& a, int spatial, std::span<TensorView> outs) {
  const TensorView x = as_volume(a.tensor(0), spatial), y = as_volume(outs[0], spatial);
  const TensorView& u = a.tensor(3);
  int64_t kernel[kVolumeDims];
  PF_TRY(volume_ints("kernel_size", a.ints(1), spatial, 1, 1, kernel));
  pool(a.tensor(0), spatial, outs, [&](int64_t n, int64_t c, int d, int64_t o) -> Range {
    const int i = d - (kVolumeDims - spatial);
    if (i < 0) return {0, 1, 1};
    // In two dimensions the first sample is that of W.
    const int sample = spatial == 2 ? 1 - i : i;
    const double r =
        load_real(u, n * u.strides[0] + c * u.strides[1] + sample * u.strides[2]);
    const int64_t start =
        x.dtype == DType::f64
            ? fractional_start<double>(r, o, x.size(2 + d), y.size(2 + d), kernel[d])
            : fractional_start<float>(r, o, x.size(2 + d), y.size(2 + d), kernel[d]);
    return {start, start + kernel[d], 1};
  });
  return {};
}

}  // namespace portfire::ops::max_pool
