// Resampling of 1 to 3 dimensions, channels first. Weights are those of each dimension on its own: the rows that
// an output row takes from are summed into one, side by side, then that row is resampled. Nearest neighbours
// only move, elements of any type.
#include <algorithm>
#include <cstring>
#include <new>

#include "kernels/gemm/wide.h"
#include "kernels/kernel.h"
#include "kernels/spatial/rows_of_planes.h"
#include "ops/rows.h"
#include "ops/upsample.h"

namespace portfire::spatial {
namespace {

using ops::upsample::Axis;
using ops::upsample::Filter;
using Tables = ops::upsample::Plan;

bool moves(Filter f) { return f == Filter::nearest || f == Filter::nearest_exact; }

struct Volumes {
  TensorView x, y;
};

bool plan(const Operands& o, Filter f, int spatial, Volumes* v, Tables* tables) {
  const TensorView& x = o.in(0);
  if (x.rank() != spatial + 2 || o.out(0).dtype != x.dtype || x.numel() == 0 || o.out(0).numel() == 0) return false;
  if (!moves(f) && !is_taken(x.dtype)) return false;
  v->x = ops::as_volume(x, spatial);
  v->y = ops::as_volume(o.out(0), spatial);
  if (v->x.size(0) != v->y.size(0) || v->x.size(1) != v->y.size(1)) return false;
  *tables = ops::upsample::plan_of_input(Args(o.args), f, spatial);
  for (int d = 0; d < ops::kVolumeDims; ++d)
    if (tables->axes[d].out != v->y.size(2 + d) || tables->axes[d].in != v->x.size(2 + d)) return false;
  return true;
}

// --- nearest ---

template <class T>
void run_nearest(const Volumes& v, const Tables& t, ThreadPool* pool) {
  const TensorView &x = v.x, &y = v.y;
  const Axis &deep = t.axes[0], &high = t.axes[1], &wide = t.axes[2];
  const int64_t n = wide.out, step = x.strides[4], to_step = y.strides[4];
  const auto offset = [](const TensorView& t, int64_t plane, int64_t d, int64_t h) {
    return plane / t.size(1) * t.strides[0] + plane % t.size(1) * t.strides[1] + d * t.strides[2] + h * t.strides[3];
  };
  for_rows(y, n, pool, [&](int64_t plane, int64_t d, int64_t h, size_t) {
    const T* from = x.as<T>() + offset(x, plane, deep.index[d], high.index[h]);
    T* to = y.as<T>() + offset(y, plane, d, h);
    if (wide.kept && step == 1 && to_step == 1) {
      std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
    } else if (step == 1 && to_step == 1 && n == 2 * wide.in && wide.step == 0.5) {
      for (int64_t i = 0; i < wide.in; ++i) to[2 * i] = to[2 * i + 1] = from[i];
    } else if (step == 1 && to_step == 1) {
      const int64_t* const index = wide.index;
      for (int64_t i = 0; i < n; ++i) to[i] = from[index[i]];
    } else {
      for (int64_t i = 0; i < n; ++i) to[i * to_step] = from[wide.index[i] * step];
    }
  });
}

// --- weighted ---

template <class T>
size_t thread_elements(const Volumes& v) { return static_cast<size_t>(2 * padded(v.x.size(4)) + padded(v.y.size(4))); }
template <class T>
size_t scratch_bytes(const Volumes& v, const Tables& t, size_t threads) {
  const auto weights = static_cast<size_t>(padded(t.axes[2].out * t.axes[2].taps));
  return (t.bytes() + 63) / 64 * 64 + weights * sizeof(T) + threads * thread_elements<T>(v) * sizeof(T);
}

template <class T>
void resample_row(const Axis& axis, const T* weight, const T* x, T* y) {
  const int64_t taps = axis.taps;
  const int64_t* index = axis.index;
  if (axis.kept) {
    std::copy_n(x, axis.out, y);
  } else if (taps == 2) {
    for (int64_t o = 0; o < axis.out; ++o) y[o] = weight[2 * o] * x[index[2 * o]] + weight[2 * o + 1] * x[index[2 * o + 1]];
  } else if (taps == 4) {
    for (int64_t o = 0; o < axis.out; ++o, index += 4, weight += 4)
      y[o] = weight[0] * x[index[0]] + weight[1] * x[index[1]] + (weight[2] * x[index[2]] + weight[3] * x[index[3]]);
  } else {
    for (int64_t o = 0; o < axis.out; ++o, index += taps, weight += taps) {
      T sum = 0;
      for (int64_t i = 0; i < taps; ++i) sum += weight[i] * x[index[i]];
      y[o] = sum;
    }
  }
}

template <class T>
void run_weighted(const Volumes& v, const Tables& t, const KernelContext& context) {
  const Axis &deep = t.axes[0], &high = t.axes[1], &wide = t.axes[2];
  T* const weights = reinterpret_cast<T*>(context.scratch.data() + (t.bytes() + 63) / 64 * 64);
  for (int64_t i = 0; i < wide.out * wide.taps; ++i) weights[i] = static_cast<T>(wide.weight[i]);
  T* const buffers = weights + padded(wide.out * wide.taps);
  const Source<T> source(v.x);
  const Sink<T> sink(v.y);
  const int64_t in = wide.in;
  const auto add = gemm::wide_functions<T>().add_scaled;
  for_rows(v.y, wide.out * wide.taps + in * deep.taps * high.taps, context.pool, [&](int64_t plane, int64_t d, int64_t h, size_t worker) {
    T* const loaded = buffers + worker * thread_elements<T>(v);
    T* const sum = loaded + padded(in);
    const T* row = sum;
    // One row, where the dimensions outside pass as they are.
    if (deep.taps * high.taps == 1 || ((deep.kept || deep.taps == 1) && (high.kept || high.taps == 1))) {
      row = source.row(plane, deep.index[d * deep.taps], high.index[h * high.taps], loaded);
    } else {
      std::fill_n(sum, in, T(0));
      for (int64_t i = d * deep.taps; i < (d + 1) * deep.taps; ++i)
        for (int64_t j = h * high.taps; j < (h + 1) * high.taps; ++j)
          add(sum, static_cast<T>(deep.weight[i] * high.weight[j]), source.row(plane, deep.index[i], high.index[j], loaded), in);
    }
    T* out = sink.row(plane, d, h, sum + padded(in));
    resample_row(wide, weights, row, out);
    sink.done(plane, d, h, out);
  });
}

template <Filter filter, int spatial>
bool prepare(const Operands& o, void*, size_t* scratch) {
  Volumes v;
  Tables t;
  if (!plan(o, filter, spatial, &v, &t)) return false;
  *scratch = moves(filter) ? t.bytes() : v.x.dtype == DType::f64 ? scratch_bytes<double>(v, t, o.threads) : scratch_bytes<float>(v, t, o.threads);
  return true;
}
template <Filter filter, int spatial>
Error run(const void*, const Operands& o, const KernelContext& context) {
  Volumes v;
  Tables t;
  if (!plan(o, filter, spatial, &v, &t)) return Error::make(Code::bad_argument, "resampling of other arguments than planned");
  ops::upsample::fill_tables(t, filter, v.x.dtype, context.scratch.data());
  if constexpr (filter == Filter::nearest || filter == Filter::nearest_exact)
    ops::with_bits(v.x.dtype, [&](auto bits) { run_nearest<decltype(bits)>(v, t, context.pool); });
  else
    v.x.dtype == DType::f64 ? run_weighted<double>(v, t, context) : run_weighted<float>(v, t, context);
  return {};
}

}  // namespace

#define PF_RESAMPLE_KERNEL(name, op, filter, spatial) \
  extern const Kernel name;                           \
  const Kernel name = {op, 0, prepare<Filter::filter, spatial>, run<Filter::filter, spatial>};
PF_RESAMPLE_KERNEL(kNearest1d, "aten::upsample_nearest1d", nearest, 1)
PF_RESAMPLE_KERNEL(kNearest2d, "aten::upsample_nearest2d", nearest, 2)
PF_RESAMPLE_KERNEL(kNearest3d, "aten::upsample_nearest3d", nearest, 3)
PF_RESAMPLE_KERNEL(kNearestExact1d, "aten::_upsample_nearest_exact1d", nearest_exact, 1)
PF_RESAMPLE_KERNEL(kNearestExact2d, "aten::_upsample_nearest_exact2d", nearest_exact, 2)
PF_RESAMPLE_KERNEL(kNearestExact3d, "aten::_upsample_nearest_exact3d", nearest_exact, 3)
PF_RESAMPLE_KERNEL(kLinear1d, "aten::upsample_linear1d", linear, 1)
PF_RESAMPLE_KERNEL(kBilinear2d, "aten::upsample_bilinear2d", linear, 2)
PF_RESAMPLE_KERNEL(kTrilinear3d, "aten::upsample_trilinear3d", linear, 3)
PF_RESAMPLE_KERNEL(kBicubic2d, "aten::upsample_bicubic2d", cubic, 2)
PF_RESAMPLE_KERNEL(kBilinear2dAa, "aten::_upsample_bilinear2d_aa", linear_aa, 2)
PF_RESAMPLE_KERNEL(kBicubic2dAa, "aten::_upsample_bicubic2d_aa", cubic_aa, 2)
#undef PF_RESAMPLE_KERNEL

}  // namespace portfire::spatial
