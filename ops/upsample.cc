#include "ops/upsample.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/reader.h"
#include "ops/spatial.h"

namespace portfire::ops::upsample {
namespace {

bool aligns(Filter f) { return f != Filter::nearest && f != Filter::nearest_exact; }
bool is_antialiased(Filter f) { return f == Filter::linear_aa || f == Filter::cubic_aa; }
// How far the kernel reaches to each side.
double reach(Filter f) { return f == Filter::cubic || f == Filter::cubic_aa ? 2 : 1; }

// Rounding as PyTorch: steps are f32 unless the data is f64.
double rounded(DType dtype, double v) { return dtype == DType::f64 ? v : static_cast<float>(v); }

// Where a scale factor is given with sizes that it does not quite lead to, PyTorch's operators
// differ: some take equal sizes (and nearest: a doubled size) for what they are, some the factor.
bool trusts_sizes(Filter f, int spatial, bool gradient, bool bytes, const int64_t* in,
                  const int64_t* out) {
  switch (f) {
    case Filter::nearest: return gradient || spatial == 2;
    case Filter::nearest_exact: return false;
    case Filter::linear: return true;
    case Filter::cubic: return bytes || (gradient && std::equal(in, in + spatial, out));
    case Filter::linear_aa:
    case Filter::cubic_aa: return !gradient;
  }
  return false;
}

// `first`: argument of the first scale factor, or of align_corners before it.
Plan plan_of(const Args& a, Filter f, int spatial, bool gradient, DType dtype, const int64_t* in,
             const int64_t* out, int first) {
  Plan p;
  const bool sizes = trusts_sizes(f, spatial, gradient, dtype == DType::u8, in, out);
  const bool aligned = aligns(f) && a.boolean(first);
  for (int i = 0; i < spatial; ++i) {
    Axis& axis = p.axes[kVolumeDims - spatial + i];
    axis.in = in[i];
    axis.out = out[i];
    axis.aligned = aligned;
    double scale = a.real(first + (aligns(f) ? 1 : 0) + i, 0);
    if (sizes && f == Filter::nearest && out[i] == 2 * in[i]) scale = 2;
    axis.kept = sizes && in[i] == out[i];
    const double n = static_cast<double>(in[i]), m = static_cast<double>(out[i]);
    axis.step =
        rounded(dtype, aligned ? (m > 1 ? (n - 1) / (m - 1) : 0) : (scale > 0 ? 1 / scale : n / m));
    if (f == Filter::linear) axis.taps = 2;
    if (f == Filter::cubic) axis.taps = 4;
    if (is_antialiased(f)) {
      const double spread = std::ceil(reach(f) * std::clamp(axis.step, 1.0, std::max(1.0, n)));
      axis.taps = std::min(axis.in, 2 * static_cast<int64_t>(spread) + 1);
    }
  }
  return p;
}

double cubic(double x, double a) {  // Keys, 1981
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
  return 0;
}

// Truncated; a factor may lead anywhere, NaN included, but what lies further outside is all the same.
int64_t whole(double at, int64_t in) {
  return at > -8 ? static_cast<int64_t>(std::min(at, static_cast<double>(in) + 8)) : -8;
}

int64_t nearest(Filter f, const Axis& axis, int64_t o) {
  if (axis.kept) return o;
  // In f32 as PyTorch: ties fall one way or the other by it.
  const float at = (static_cast<float>(o) + (f == Filter::nearest ? 0.0f : 0.5f)) *
                   static_cast<float>(axis.step);
  return std::clamp<int64_t>(whole(std::floor(at), axis.in), 0, axis.in - 1);
}

void fill_antialiased(Filter f, const Axis& axis, int64_t o, int64_t* index, double* weight) {
  const double wide = std::max(1.0, axis.step), support = reach(f) * wide;
  const double centre = axis.step * (static_cast<double>(o) + 0.5);
  const int64_t first = std::max<int64_t>(whole(centre - support + 0.5, axis.in), 0);
  const int64_t last = std::min(whole(centre + support + 0.5, axis.in), axis.in);
  double total = 0;
  for (int64_t t = 0; t < axis.taps; ++t) {
    index[t] = std::min(first + t, axis.in - 1);
    const double x = (static_cast<double>(first + t) - centre + 0.5) / wide;
    weight[t] = first + t >= last ? 0
                : f == Filter::linear_aa ? std::max(0.0, 1 - std::fabs(x)) : cubic(x, -0.5);
    total += weight[t];
  }
  for (int64_t t = 0; t < axis.taps && total != 0; ++t) weight[t] /= total;
}

void fill(Filter f, DType dtype, Axis& axis) {
  for (int64_t o = 0; o < axis.out; ++o) {
    int64_t* const index = axis.index + o * axis.taps;
    double* const weight = axis.weight + o * axis.taps;
    double c = axis.aligned ? axis.step * static_cast<double>(o)
                            : axis.step * (static_cast<double>(o) + 0.5) - 0.5;
    c = rounded(dtype, c);
    if (axis.taps == 1) {
      index[0] = nearest(f, axis, o);
      weight[0] = 1;
    } else if (axis.kept) {
      for (int64_t t = 0; t < axis.taps; ++t) {
        index[t] = o;
        weight[t] = t == 0;
      }
    } else if (is_antialiased(f)) {
      fill_antialiased(f, axis, o, index, weight);
    } else if (f == Filter::linear) {
      c = std::max(c, 0.0);
      index[0] = std::min(whole(c, axis.in), axis.in - 1);
      index[1] = std::min(index[0] + 1, axis.in - 1);
      weight[1] = std::clamp(c - static_cast<double>(index[0]), 0.0, 1.0);
      weight[0] = 1 - weight[1];
    } else {
      const double floor = std::floor(c), part = c - floor;
      for (int64_t t = 0; t < 4; ++t) {
        index[t] = std::clamp<int64_t>(whole(floor, axis.in) - 1 + t, 0, axis.in - 1);
        weight[t] = cubic(static_cast<double>(t - 1) - part, -0.75);
      }
    }
  }
}

// Images of bytes go through one dimension after the other, rounded and clamped in between, with
// weights in fixed point: as many fractional bits as keep them below 2^15. Weights that meet in one
// input at a border have been summed before. Gives the number of bits.
int quantise(Axis& axis) {
  double most = 0;
  for (int64_t o = 0; o < axis.out; ++o) {
    int64_t* const index = axis.index + o * axis.taps;
    double* const weight = axis.weight + o * axis.taps;
    for (int64_t t = axis.taps - 1; t > 0; --t)
      if (index[t] == index[t - 1]) weight[t - 1] += std::exchange(weight[t], 0);
    most = std::max(most, *std::max_element(weight, weight + axis.taps));
  }
  int bits = 0;
  while (bits < 22 && std::floor(0.5 + most * static_cast<double>(1 << (bits + 1))) < 32768) ++bits;
  for (int64_t i = 0; i < axis.out * axis.taps; ++i)
    axis.weight[i] = std::round(axis.weight[i] * static_cast<double>(1 << bits));
  return bits;
}

// from and to: bytes with a step, along the axis.
void resample_bytes(const Axis& axis, int bits, const uint8_t* from, int64_t from_step, uint8_t* to,
                    int64_t to_step) {
  for (int64_t o = 0; o < axis.out; ++o) {
    int64_t sum = int64_t{1} << (bits - 1);
    for (int64_t i = o * axis.taps; i < (o + 1) * axis.taps; ++i)
      sum += static_cast<int64_t>(axis.weight[i]) * from[axis.index[i] * from_step];
    to[o * to_step] = static_cast<uint8_t>(std::clamp<int64_t>(sum >> bits, 0, 255));
  }
}

// W first, then H; a dimension that keeps its size is copied. `between` holds in H x out W bytes.
void run_bytes(Plan& p, const TensorView& x, const TensorView& y, uint8_t* between) {
  Axis &high = p.axes[1], &wide = p.axes[2];
  const int high_bits = quantise(high), wide_bits = quantise(wide);
  for (int64_t plane = 0; plane < x.size(0) * x.size(1); ++plane) {
    const TensorView from = item(x, 2, plane), to = item(y, 2, plane);  // [1, H, W]
    for (int64_t h = 0; h < high.in; ++h)
      resample_bytes(wide, wide_bits, from.as<uint8_t>() + h * from.strides[1], from.strides[2],
                     between + h * wide.out, 1);
    for (int64_t w = 0; w < wide.out; ++w)
      resample_bytes(high, high_bits, between + w, wide.out, to.as<uint8_t>() + w * to.strides[2],
                     to.strides[1]);
  }
}

// f(offsets in D, H, W of an input by their index, weight) for each input of the output at d, h, w.
template <class F>
void taps(const Plan& p, int64_t d, int64_t h, int64_t w, F f) {
  const Axis &deep = p.axes[0], &high = p.axes[1], &wide = p.axes[2];
  for (int64_t i = d * deep.taps; i < (d + 1) * deep.taps; ++i)
    for (int64_t j = h * high.taps; j < (h + 1) * high.taps; ++j) {
      const double outer = deep.weight[i] * high.weight[j];
      for (int64_t k = w * wide.taps; k < (w + 1) * wide.taps; ++k)
        f(deep.index[i], high.index[j], wide.index[k], outer * wide.weight[k]);
    }
}

Plan plan_of_gradient(const Args& a, Filter f, int spatial) {
  return plan_of(a, f, spatial, true, a.tensor(0).dtype, a.ints(2).data() + 2,
                 a.ints(1).data(), 3);
}

bool no_planes(const TensorView& t) { return t.size(0) == 0 || t.size(1) == 0; }

Error check(const TensorView& t, int spatial, std::span<const int64_t> sizes) {
  if (t.rank() != spatial + 2 || static_cast<int>(sizes.size()) != spatial || is_complex(t.dtype))
    return Error::make(Code::bad_argument, "input %s (expected rank %d) to %zu sizes",
                       TypeText(t).c_str(), spatial + 2, sizes.size());
  for (int64_t s : sizes)
    if (s < 1) return Error::make(Code::bad_argument, "size %lld", static_cast<long long>(s));
  for (int d = 2; d < t.rank(); ++d)
    if (t.size(d) < 1)
      return Error::make(Code::bad_argument, "input %s (expected sizes of 1 or more)",
                         TypeText(t).c_str());
  return {};
}

}  // namespace

Plan plan_of_input(const Args& a, Filter f, int spatial) {
  const TensorView& x = a.tensor(0);
  return plan_of(a, f, spatial, false, x.dtype, x.shape.sizes + 2, a.ints(1).data(), 2);
}

std::byte* fill_tables(Plan& p, Filter f, DType dtype, std::byte* memory) {
  for (Axis& axis : p.axes) {
    axis.weight = reinterpret_cast<double*>(memory);
    axis.index = reinterpret_cast<int64_t*>(axis.weight + axis.out * axis.taps);
    memory = reinterpret_cast<std::byte*>(axis.index + axis.out * axis.taps);
    fill(f, dtype, axis);
  }
  return memory;
}

Error infer_resample(const Args& a, int spatial, std::span<TensorSpec> outs) {
  const TensorView& x = a.tensor(0);
  PF_TRY(check(x, spatial, a.ints(1)));
  outs[0] = {x.dtype, x.shape};
  for (int d = 0; d < spatial; ++d) outs[0].shape.sizes[2 + d] = a.ints(1)[d];
  return {};
}

Error infer_gradient(const Args& a, int spatial, std::span<TensorSpec> outs) {
  const auto in = a.ints(2);
  PF_TRY(check(a.tensor(0), spatial, a.ints(1)));
  if (static_cast<int>(in.size()) != spatial + 2)
    return Error::make(Code::bad_argument, "input_size of %zu items (expected %d)", in.size(),
                       spatial + 2);
  const TensorView& grad = a.tensor(0);
  for (size_t d = 0; d < in.size(); ++d) {
    const int64_t grads = grad.size(static_cast<int>(d)), expected = d < 2 ? in[d] : a.ints(1)[d - 2];
    if (in[d] < (d < 2 ? 0 : 1) || grads != expected)
      return Error::make(Code::bad_argument, "gradient %s of an input of size %lld in dimension %zu",
                         TypeText(grad).c_str(), static_cast<long long>(in[d]), d);
  }
  outs[0] = {grad.dtype, {}};
  for (int64_t s : in) outs[0].shape.push(s);
  return {};
}

// Where there are no planes, nothing is computed: sizes of planes may then be any, products of them overflow.
size_t resample_scratch(const Args& a, Filter f, int spatial) {
  if (no_planes(a.tensor(0))) return 0;
  const Plan p = plan_of_input(a, f, spatial);
  const bool bytes = a.tensor(0).dtype == DType::u8 && aligns(f);
  return p.bytes() + (bytes ? static_cast<size_t>(p.axes[1].in * p.axes[2].out) : 0);
}
size_t gradient_scratch(const Args& a, Filter f, int spatial) {
  if (no_planes(a.tensor(0))) return 0;
  const Plan p = plan_of_gradient(a, f, spatial);
  return p.bytes() +
         sizeof(double) * static_cast<size_t>(p.axes[0].in * p.axes[1].in * p.axes[2].in);
}

Error run_resample(const Args& a, Filter f, int spatial, std::span<TensorView> outs) {
  if (no_planes(a.tensor(0))) return {};
  const TensorView x = as_volume(a.tensor(0), spatial), y = as_volume(outs[0], spatial);
  Plan p = plan_of_input(a, f, spatial);
  std::byte* const rest = fill_tables(p, f, x.dtype, a.context().scratch.data());
  if (x.dtype == DType::u8 && aligns(f)) {
    run_bytes(p, x, y, reinterpret_cast<uint8_t*>(rest));
    return {};
  }
  with_reader(x.dtype, [&](auto type) {
    const typename decltype(type)::type in(x);
    for (Index at(y.shape); at.valid(); at.next()) {
      const int64_t plane = at[0] * x.strides[0] + at[1] * x.strides[1];
      int64_t to = 0;
      for (int d = 0; d < y.rank(); ++d) to += at[d] * y.strides[d];
      auto offset = [&](int64_t d, int64_t h, int64_t w) {
        return plane + d * x.strides[2] + h * x.strides[3] + w * x.strides[4];
      };
      if (!aligns(f)) {
        taps(p, at[2], at[3], at[4], [&](int64_t d, int64_t h, int64_t w, double) {
          copy_element(y, to, x, offset(d, h, w));
        });
        continue;
      }
      double sum = 0;
      taps(p, at[2], at[3], at[4], [&](int64_t d, int64_t h, int64_t w, double weight) {
        sum += weight * static_cast<double>(in[offset(d, h, w)]);
      });
      store_sum(y, to, sum);
    }
  });
  return {};
}

Error run_gradient(const Args& a, Filter f, int spatial, std::span<TensorView> outs) {
  if (no_planes(a.tensor(0))) return {};
  const TensorView grad = as_volume(a.tensor(0), spatial), to = as_volume(outs[0], spatial);
  Plan p = plan_of_gradient(a, f, spatial);
  double* const sum =
      reinterpret_cast<double*>(fill_tables(p, f, grad.dtype, a.context().scratch.data()));
  const int64_t area = to.size(2) * to.size(3) * to.size(4);
  for (int64_t plane = 0; plane < to.size(0) * to.size(1); ++plane) {
    std::fill_n(sum, area, 0.0);
    const TensorView from = item(grad, 2, plane), into = item(to, 2, plane);
    for (Index at(from.shape); at.valid(); at.next()) {
      const double g = load_real(
          from, at[0] * from.strides[0] + at[1] * from.strides[1] + at[2] * from.strides[2]);
      taps(p, at[0], at[1], at[2], [&](int64_t d, int64_t h, int64_t w, double weight) {
        sum[(d * to.size(3) + h) * to.size(4) + w] += weight * g;
      });
    }
    const double* next = sum;
    walk([&](const int64_t* offset) { store_real(into, offset[0], *next++); }, into);
  }
  return {};
}

}  // namespace portfire::ops::upsample
