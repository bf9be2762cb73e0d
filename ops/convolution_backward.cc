#include "ops/convolution_backward.h"

#include "ops/reader.h"

namespace portfire::ops::convolution_backward {

Error read_geometry(const Args& a, Geometry* g) {
  g->spatial = a.tensor(0).rank() - 2;
  if (g->spatial < 1 || g->spatial > kVolumeDims) return Error::make(Code::bad_argument, "input %s (expected rank 3, 4 or 5)", TypeText(a.tensor(0)).c_str());
  if (static_cast<int>(a.ints(2).size()) != g->spatial)
    return Error::make(Code::bad_argument, "kernel_size of %zu items (expected %d)", a.ints(2).size(), g->spatial);
  PF_TRY(volume_ints("kernel_size", a.ints(2), g->spatial, 1, 1, g->kernel));
  PF_TRY(volume_ints("stride", a.ints(3), g->spatial, 1, 1, g->stride));
  PF_TRY(volume_ints("padding", a.ints(4), g->spatial, 0, 0, g->padding));
  PF_TRY(volume_ints("dilation", a.ints(5), g->spatial, 1, 1, g->dilation));
  g->groups = a.integer(6);
  for (int d = 0; d < kVolumeDims; ++d)
    if (g->stride[d] < 1 || g->dilation[d] < 1 || g->kernel[d] < 0)
      return Error::make(Code::bad_argument, "kernel_size %lld, stride %lld, dilation %lld (expected 1 or more)", static_cast<long long>(g->kernel[d]),
                         static_cast<long long>(g->stride[d]), static_cast<long long>(g->dilation[d]));
  return {};
}

Error ConvolutionBackwardWeight::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &x = a.tensor(0), &grad = a.tensor(1);
  Geometry g;
  PF_TRY(read_geometry(a, &g));
  if (grad.dtype != x.dtype || is_complex(x.dtype)) return Error::make(Code::bad_argument, "grad_output %s for input %s (expected one real dtype)", TypeText(grad).c_str(), TypeText(x).c_str());
  if (grad.rank() != x.rank() || grad.size(0) != x.size(0) || g.groups < 1 || x.size(1) % g.groups || grad.size(1) % g.groups)
    return Error::make(Code::bad_argument, "grad_output %s does not fit input %s in %lld groups", TypeText(grad).c_str(), TypeText(x).c_str(), static_cast<long long>(g.groups));
  Shape w;
  w.push(grad.size(1));
  w.push(x.size(1) / g.groups);
  for (int d = 0; d < g.spatial; ++d) w.push(g.kernel[kVolumeDims - g.spatial + d]);
  outs[0] = {x.dtype, w};
  return {};
}

namespace {

// Whether input place * stride - padding + tap * dilation is one of `size`; the place, then.
bool input_at(const Geometry& g, int d, int64_t tap, int64_t place, int64_t size, int64_t* at) {
  *at = place * g.stride[d] - g.padding[d] + tap * g.dilation[d];
  return *at >= 0 && *at < size;
}

template <class Reader>
typename Reader::Sum sum_of(const Geometry& g, const TensorView& x, const TensorView& grad, int64_t o, int64_t c, const Index& w) {
  const Reader in(x), out(grad);
  typename Reader::Sum sum = 0;
  int64_t i, j, k;
  for (int64_t n = 0; n < x.size(0); ++n)
    for (int64_t d = 0; d < grad.size(2); ++d) {
      if (!input_at(g, 0, w[2], d, x.size(2), &i)) continue;
      for (int64_t h = 0; h < grad.size(3); ++h) {
        if (!input_at(g, 1, w[3], h, x.size(3), &j)) continue;
        const int64_t from = n * grad.strides[0] + o * grad.strides[1] + d * grad.strides[2] + h * grad.strides[3];
        const int64_t row = n * x.strides[0] + c * x.strides[1] + i * x.strides[2] + j * x.strides[3];
        for (int64_t v = 0; v < grad.size(4); ++v)
          if (input_at(g, 2, w[4], v, x.size(4), &k)) sum += out[from + v * grad.strides[4]] * in[row + k * x.strides[4]];
      }
    }
  return sum;
}

}  // namespace

Error ConvolutionBackwardWeight::reference(const Args& a, std::span<TensorView> outs) {
  Geometry g;
  PF_TRY(read_geometry(a, &g));
  const TensorView x = as_volume(a.tensor(0), g.spatial), grad = as_volume(a.tensor(1), g.spatial), w = as_volume(outs[0], g.spatial);
  const int64_t each = grad.size(1) / g.groups, ins = x.size(1) / g.groups;
  with_reader(x.dtype, [&](auto reader) {
    for (Index at(w.shape); at.valid(); at.next())
      store_sum(w, at.offset(w), sum_of<typename decltype(reader)::type>(g, x, grad, at[0], at[0] / each * ins + at[1], at));
  });
  return {};
}

}  // namespace portfire::ops::convolution_backward
