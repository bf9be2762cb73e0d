#include "ops/avg_pool.h"

#include <algorithm>

#include "ops/reader.h"
#include "ops/spatial.h"

namespace portfire::ops::avg_pool {
int64_t Pool::extent(int d, int64_t at, const Range& covered) const {
  if (!include_pad) return covered.end - covered.begin;
  const int64_t begin = at * window.stride[d] - window.padding[d];
  return std::min(begin + window.kernel[d], in[d] + window.padding[d]) - begin;
}
int64_t Pool::divide_by(const int64_t* at, const Range* covered) const {
  if (divisor) return divisor;
  int64_t n = 1;
  for (int d = 0; d < kVolumeDims; ++d) n *= extent(d, at[d], covered[d]);
  return n;
}

Error read(const Args& a, const TensorView& x, int first, int spatial, Pool* p) {
  Window& w = p->window;
  w.spatial = spatial;
  w.ceil_mode = a.boolean(first + 3);
  p->include_pad = a.boolean(first + 4);
  p->divisor = a.integer(first + 5);
  if (!a.none(first + 5) && p->divisor == 0)
    return Error::make(Code::bad_argument, "divisor_override is 0");
  const auto stride = a.ints(first + 1).empty() ? a.ints(first) : a.ints(first + 1);
  PF_TRY(volume_ints("kernel_size", a.ints(first), spatial, 1, 1, w.kernel));
  PF_TRY(volume_ints("stride", stride, spatial, 1, 1, w.stride));
  PF_TRY(volume_ints("padding", a.ints(first + 2), spatial, 0, 0, w.padding));
  std::fill_n(w.dilation, kVolumeDims, 1);
  const TensorView v = as_volume(x, spatial);
  for (int d = 0; d < kVolumeDims; ++d) p->in[d] = v.size(2 + d);
  return {};
}

namespace {

Error check_input(const TensorView& x, int spatial) {
  if ((x.rank() != spatial + 1 && x.rank() != spatial + 2) || is_complex(x.dtype))
    return Error::make(Code::bad_argument, "input %s (expected rank %d or %d)",
                       TypeText(x).c_str(), spatial + 1, spatial + 2);
  return {};
}

int64_t offset_of(const TensorView& t, const Index& at) {
  int64_t sum = 0;
  for (int d = 0; d < t.rank(); ++d) sum += at[d] * t.strides[d];
  return sum;
}

// range(d, o): what output o covers along dimension d of D, H, W; divide_by(o[3], covered[3]).
template <class RangeOf, class DivideBy>
void pool(const TensorView& input, int spatial, const TensorView& output, RangeOf range,
          DivideBy divide_by) {
  const TensorView x = as_volume(input, spatial), y = as_volume(output, spatial);
  with_reader(x.dtype, [&](auto type) {
    using Reader = typename decltype(type)::type;
    const Reader in(x);
    for (Index at(y.shape); at.valid(); at.next()) {
      const int64_t o[] = {at[2], at[3], at[4]};
      const Range covered[] = {range(0, o[0]), range(1, o[1]), range(2, o[2])};
      const int64_t plane = at[0] * x.strides[0] + at[1] * x.strides[1];
      typename Reader::Sum sum = 0;
      for (int64_t i = covered[0].begin; i < covered[0].end; ++i)
        for (int64_t j = covered[1].begin; j < covered[1].end; ++j)
          for (int64_t k = covered[2].begin; k < covered[2].end; ++k)
            sum += in[plane + i * x.strides[2] + j * x.strides[3] + k * x.strides[4]];
      const int64_t divisor = divide_by(o, covered);  // 0: nothing is covered, a whole number has no NaN
      store_sum(y, offset_of(y, at), divisor == 0 && std::is_integral_v<decltype(sum)> ? 0 : sum / static_cast<decltype(sum)>(divisor));
    }
  });
}

// Each gradient is spread evenly over what its output covered. `sum` holds one plane.
template <class RangeOf, class DivideBy>
void spread(const TensorView& grad_output, int spatial, const TensorView& grad_input, double* sum,
            RangeOf range, DivideBy divide_by) {
  const TensorView grad = as_volume(grad_output, spatial), to = as_volume(grad_input, spatial);
  const int64_t area = to.size(2) * to.size(3) * to.size(4);
  for (int64_t plane = 0; plane < to.size(0) * to.size(1); ++plane) {
    std::fill_n(sum, area, 0.0);
    const TensorView from = item(grad, 2, plane), into = item(to, 2, plane);
    for (Index at(from.shape); at.valid(); at.next()) {
      const int64_t o[] = {at[0], at[1], at[2]};
      const Range covered[] = {range(0, o[0]), range(1, o[1]), range(2, o[2])};
      const double share =
          load_real(from, offset_of(from, at)) / static_cast<double>(divide_by(o, covered));
      for (int64_t i = covered[0].begin; i < covered[0].end; ++i)
        for (int64_t j = covered[1].begin; j < covered[1].end; ++j)
          for (int64_t k = covered[2].begin; k < covered[2].end; ++k)
            sum[(i * to.size(3) + j) * to.size(4) + k] += share;
    }
    const double* next = sum;
    walk([&](const int64_t* offset) { store_real(into, offset[0], *next++); }, into);
  }
}

int64_t window_size(const int64_t*, const Range* covered) {
  int64_t n = 1;
  for (int d = 0; d < kVolumeDims; ++d) n *= covered[d].end - covered[d].begin;
  return n;
}

// The type that pooling `x` gives; `first`: the argument that holds kernel_size.
Error pooled_spec(const Args& a, const TensorView& x, int first, int spatial, TensorSpec* out) {
  Pool p;
  PF_TRY(check_input(x, spatial));
  PF_TRY(read(a, x, first, spatial, &p));
  *out = {x.dtype, x.shape};
  for (int i = 0; i < spatial; ++i) {
    const int d = x.rank() - spatial + i;
    PF_TRY(p.window.positions(kVolumeDims - spatial + i, x.size(d), &out->shape.sizes[d]));
  }
  return {};
}

}  // namespace

Error infer_pool(const Args& a, int spatial, std::span<TensorSpec> outs) {
  return pooled_spec(a, a.tensor(0), 1, spatial, &outs[0]);
}

Error run_pool(const Args& a, int spatial, std::span<TensorView> outs) {
  Pool p;
  PF_TRY(read(a, a.tensor(0), 1, spatial, &p));
  pool(
      a.tensor(0), spatial, outs[0],
      [&](int d, int64_t o) { return p.window.range(d, o, p.in[d]); },
      [&](const int64_t* o, const Range* covered) { return p.divide_by(o, covered); });
  return {};
}

Error infer_adaptive(const Args& a, int spatial, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  int64_t sizes[kVolumeDims];
  PF_TRY(check_input(x, spatial));
  PF_TRY(volume_ints("output_size", a.ints(1), spatial, 1, 1, sizes));
  outs[0] = {x.dtype, x.shape};
  for (int i = 0; i < spatial; ++i) {
    const int d = x.rank() - spatial + i;
    if (x.size(d) < 1 || sizes[kVolumeDims - spatial + i] < 0)
      return Error::make(Code::bad_argument, "input %s to size %lld", TypeText(x).c_str(),
                         static_cast<long long>(sizes[kVolumeDims - spatial + i]));
    outs[0].shape.sizes[d] = sizes[kVolumeDims - spatial + i];
  }
  return {};
}

Error run_adaptive(const Args& a, int spatial, std::span<TensorView> outs) {
  const TensorView x = as_volume(a.tensor(0), spatial), y = as_volume(outs[0], spatial);
  pool(
      a.tensor(0), spatial, outs[0],
      [&](int d, int64_t o) { return adaptive_range(o, x.size(2 + d), y.size(2 + d)); },
      window_size);
  return {};
}

namespace {

// `grad`, the first argument, must be of the type that pooling gives; `want` has its last sizes.
Error check_gradient(const Args& a, int spatial, const TensorSpec& want, std::span<TensorSpec> outs) {
  const TensorView& grad = a.tensor(0);
  if (!(grad.shape == want.shape) || is_complex(grad.dtype))
    return Error::make(Code::bad_argument, "gradient %s of a pooling of %d dimensions (expected %s)", TypeText(grad).c_str(), spatial,
                       TypeText(want.dtype, want.shape).c_str());
  outs[0] = {a.tensor(1).dtype, a.tensor(1).shape};
  return {};
}

}  // namespace

Error infer_pool_gradient(const Args& a, int spatial, std::span<TensorSpec> outs) {
  TensorSpec pooled;
  PF_TRY(pooled_spec(a, a.tensor(1), 2, spatial, &pooled));
  return check_gradient(a, spatial, pooled, outs);
}

Error infer_adaptive_gradient(const Args& a, int spatial, std::span<TensorSpec> outs) {
  const TensorView &grad = a.tensor(0), &x = a.tensor(1);
  PF_TRY(check_input(x, spatial));
  TensorSpec pooled{x.dtype, x.shape};
  for (int d = x.rank() - spatial; d < x.rank() && grad.rank() == x.rank(); ++d)
    if (x.size(d) > 0) pooled.shape.sizes[d] = grad.size(d);
  return check_gradient(a, spatial, pooled, outs);
}

size_t gradient_scratch(const Args& a, int spatial) {
  const TensorView x = as_volume(a.tensor(1), spatial);
  return sizeof(double) * static_cast<size_t>(x.size(2) * x.size(3) * x.size(4));
}

Error run_pool_gradient(const Args& a, int spatial, std::span<TensorView> outs) {
  Pool p;
  PF_TRY(read(a, a.tensor(1), 2, spatial, &p));
  spread(
      a.tensor(0), spatial, outs[0], reinterpret_cast<double*>(a.context().scratch.data()),
      [&](int d, int64_t o) { return p.window.range(d, o, p.in[d]); },
      [&](const int64_t* o, const Range* covered) { return p.divide_by(o, covered); });
  return {};
}

Error run_adaptive_gradient(const Args& a, int spatial, std::span<TensorView> outs) {
  const TensorView grad = as_volume(a.tensor(0), spatial), x = as_volume(a.tensor(1), spatial);
  spread(
      a.tensor(0), spatial, outs[0], reinterpret_cast<double*>(a.context().scratch.data()),
      [&](int d, int64_t o) { return adaptive_range(o, x.size(2 + d), grad.size(2 + d)); },
      window_size);
  return {};
}

}  // namespace portfire::ops::avg_pool
