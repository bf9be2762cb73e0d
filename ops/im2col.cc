#include "ops/im2col.h"

#include "ops/element.h"
#include "ops/rows.h"

namespace portfire::ops::im2col {
namespace {

struct Windows {
  int64_t kernel[2], dilation[2], padding[2], stride[2], size[2], count[2];
};

Error read_pair(std::span<const int64_t> list, int64_t least, const char* what, int64_t (&out)[2]) {
  if (list.empty() || list.size() > 2) return Error::make(Code::bad_argument, "%s has %zu items (expected 2)", what, list.size());
  for (size_t i = 0; i < 2; ++i) {
    out[i] = list[list.size() == 1 ? 0 : i];
    if (out[i] < least)
      return Error::make(Code::bad_argument, "%s %lld (expected at least %lld)", what, static_cast<long long>(out[i]),
                         static_cast<long long>(least));
  }
  return {};
}

// `first` is the number of the argument kernel_size; the image has `height` and `width`.
Error read_windows(const Args& a, size_t first, int64_t height, int64_t width, Windows* w) {
  PF_TRY(read_pair(a.ints(first), 1, "kernel_size", w->kernel));
  PF_TRY(read_pair(a.ints(first + 1), 1, "dilation", w->dilation));
  PF_TRY(read_pair(a.ints(first + 2), 0, "padding", w->padding));
  PF_TRY(read_pair(a.ints(first + 3), 1, "stride", w->stride));
  w->size[0] = height, w->size[1] = width;
  for (int i = 0; i < 2; ++i) {
    const int64_t room = w->size[i] + 2 * w->padding[i] - w->dilation[i] * (w->kernel[i] - 1) - 1;
    if (room < 0)
      return Error::make(Code::bad_argument, "windows of %lld do not fit into %lld", static_cast<long long>(w->kernel[i]),
                         static_cast<long long>(w->size[i]));
    w->count[i] = room / w->stride[i] + 1;
  }
  return {};
}

// With a batch dimension in front, even where there is none.
TensorView batched(const TensorView& t, int rank) {
  if (t.rank() == rank) return t;
  TensorView out = t;
  out.shape = Shape();
  out.shape.push(1);
  out.strides[0] = 0;
  for (int d = 0; d < t.rank(); ++d) {
    out.strides[d + 1] = t.strides[d];
    out.shape.push(t.size(d));
  }
  return out;
}

// Calls f(offset in image or -1 where it is outside, offset in columns) for every element of columns.
template <class F>
void each(const Windows& w, const TensorView& image, const TensorView& columns, F f) {
  const int64_t n = image.size(0), channels = image.size(1);
  for (int64_t b = 0; b < n; ++b)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t i = 0; i < w.kernel[0]; ++i)
        for (int64_t j = 0; j < w.kernel[1]; ++j) {
          const int64_t row = (c * w.kernel[0] + i) * w.kernel[1] + j;
          const int64_t to = b * columns.strides[0] + row * columns.strides[1];
          const int64_t from = b * image.strides[0] + c * image.strides[1];
          for (int64_t y = 0; y < w.count[0]; ++y) {
            const int64_t iy = y * w.stride[0] + i * w.dilation[0] - w.padding[0];
            for (int64_t x = 0; x < w.count[1]; ++x) {
              const int64_t ix = x * w.stride[1] + j * w.dilation[1] - w.padding[1];
              const bool inside = iy >= 0 && iy < w.size[0] && ix >= 0 && ix < w.size[1];
              f(inside ? from + iy * image.strides[2] + ix * image.strides[3] : -1,
                to + (y * w.count[1] + x) * columns.strides[2]);
            }
          }
        }
}

}  // namespace

Error Im2col::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  if (x.rank() != 3 && x.rank() != 4)
    return Error::make(Code::bad_argument, "%s (expected 3 or 4 dimensions)", TypeText(x).c_str());
  Windows w;
  PF_TRY(read_windows(a, 1, x.size(x.rank() - 2), x.size(x.rank() - 1), &w));
  outs[0].dtype = x.dtype;
  outs[0].shape = Shape();
  if (x.rank() == 4) outs[0].shape.push(x.size(0));
  outs[0].shape.push(x.size(x.rank() - 3) * w.kernel[0] * w.kernel[1]);
  outs[0].shape.push(w.count[0] * w.count[1]);
  return {};
}

Error Im2col::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView image = batched(a.tensor(0), 4), columns = batched(outs[0], 3);
  Windows w;
  PF_TRY(read_windows(a, 1, image.size(2), image.size(3), &w));
  with_bits(image.dtype, [&](auto tag) {
    const auto* x = image.as<decltype(tag)>();
    auto* y = columns.as<decltype(tag)>();
    each(w, image, columns, [&](int64_t i, int64_t o) { y[o] = i < 0 ? decltype(tag)() : x[i]; });
  });
  return {};
}

Error Col2im::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  Windows w;
  int64_t size[2] = {};
  PF_TRY(read_pair(a.ints(1), 0, "output_size", size));
  PF_TRY(read_windows(a, 2, size[0], size[1], &w));
  const int64_t area = w.kernel[0] * w.kernel[1];
  if ((x.rank() != 2 && x.rank() != 3) || x.size(x.rank() - 2) % area || x.size(x.rank() - 1) != w.count[0] * w.count[1])
    return Error::make(Code::bad_argument, "%s (expected [N, C * %lld, %lld])", TypeText(x).c_str(),
                       static_cast<long long>(area), static_cast<long long>(w.count[0] * w.count[1]));
  outs[0].dtype = x.dtype;
  outs[0].shape = Shape();
  if (x.rank() == 3) outs[0].shape.push(x.size(0));
  outs[0].shape.push(x.size(x.rank() - 2) / area);
  outs[0].shape.push(size[0]);
  outs[0].shape.push(size[1]);
  return {};
}

Error Col2im::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView columns = batched(a.tensor(0), 3), image = batched(outs[0], 4);
  Windows w;
  PF_TRY(read_windows(a, 2, image.size(2), image.size(3), &w));
  fill_view(outs[0], int64_t{0});
  each(w, image, columns, [&](int64_t i, int64_t o) {
    if (i < 0) return;
    if (image.dtype == DType::f32)
      image.as<float>()[i] += columns.as<float>()[o];
    else if (is_complex(image.dtype))
      store_complex(image, i, load_complex(image, i) + load_complex(columns, o));
    else if (is_floating(image.dtype))
      store_real(image, i, load_real(image, i) + load_real(columns, o));
    else
      store_int(image, i, load_int(image, i) + load_int(columns, o));
  });
  return {};
}

}  // namespace portfire::ops::im2col
