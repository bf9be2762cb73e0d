// aten::col2im of floats: a row of windows at a time is added to a row of the image, in f32 or f64; f16 and bf16 are
// widened, and rounded after each sum as they would be.
#include <algorithm>

#include "kernels/index/combine.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/thread_pool.h"
#include "ops/op.h"

namespace portfire::spatial {
namespace {

using pointwise::kStrip;

struct Plan {
  int64_t kernel[2], dilation[2], padding[2], stride[2], size[2], count[2];
  int64_t images, channels;
};

int64_t task_count(const Plan& p, size_t threads) { return std::min(static_cast<int64_t>(threads), p.images * p.channels); }

bool prepare(const Operands& o, void* state, size_t* scratch) {
  const TensorView &x = o.in(0), &out = o.out(0);
  if (!is_floating(x.dtype) || !x.is_contiguous() || !out.is_contiguous()) return false;
  Plan& p = *new (state) Plan;
  const Args a(o.args);
  const auto read = [&](size_t argument, int64_t (&to)[2]) {
    const auto list = a.ints(argument);
    if (list.empty() || list.size() > 2) return false;
    for (size_t i = 0; i < 2; ++i) to[i] = list[list.size() == 1 ? 0 : i];
    return true;
  };
  if (!read(1, p.size) || !read(2, p.kernel) || !read(3, p.dilation) || !read(4, p.padding) || !read(5, p.stride)) return false;
  for (int i = 0; i < 2; ++i) p.count[i] = (p.size[i] + 2 * p.padding[i] - p.dilation[i] * (p.kernel[i] - 1) - 1) / p.stride[i] + 1;
  p.images = out.rank() == 4 ? out.size(0) : 1;
  p.channels = out.size(out.rank() - 3);
  const bool wide = x.dtype == DType::f32 || x.dtype == DType::f64;
  *scratch = wide ? 0 : o.threads * static_cast<size_t>(p.size[0] * p.size[1]) * sizeof(float);
  return true;
}

// One plane of the image, of what lies at `from`.
template <class T>
void add_windows(const Plan& p, const std::byte* from, DType dtype, T* plane) {
  const auto add = index::combine_fn<T>(index::Combine::sum, dtype);
  const auto load = pointwise::load_fn(dtype);
  const auto bytes = static_cast<int64_t>(byte_size(dtype));
  const bool direct = pointwise::in_class(dtype);
  alignas(64) T strip[kStrip];
  std::fill_n(plane, p.size[0] * p.size[1], T(0));
  for (int64_t i = 0; i < p.kernel[0]; ++i)
    for (int64_t j = 0; j < p.kernel[1]; ++j) {
      // ix = x stride - off lies inside for x of [begin, end).
      const int64_t off = p.padding[1] - j * p.dilation[1], s = p.stride[1];
      const int64_t begin = off > 0 ? (off + s - 1) / s : 0;
      const int64_t end = std::min(p.count[1], p.size[1] + off > 0 ? (p.size[1] + off - 1) / s + 1 : 0);
      for (int64_t y = 0; y < p.count[0]; ++y, from += p.count[1] * bytes) {
        const int64_t iy = y * p.stride[0] + i * p.dilation[0] - p.padding[0];
        if (iy < 0 || iy >= p.size[0]) continue;
        for (int64_t x = begin; x < end; x += static_cast<int64_t>(kStrip)) {
          const int64_t n = std::min(end - x, static_cast<int64_t>(kStrip));
          if (!direct) load(strip, from + x * bytes, 1, static_cast<size_t>(n));
          add(plane + iy * p.size[1] + x * s - off, s, 0, nullptr, direct ? reinterpret_cast<const T*>(from + x * bytes) : strip, static_cast<size_t>(n));
        }
      }
    }
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const Plan& p = *static_cast<const Plan*>(state);
  const TensorView &x = o.in(0), &out = o.out(0);
  if (out.numel() == 0) return {};
  const auto bytes = static_cast<int64_t>(byte_size(x.dtype));
  const int64_t planes = p.images * p.channels, area = p.size[0] * p.size[1];
  const int64_t given = p.kernel[0] * p.kernel[1] * p.count[0] * p.count[1];
  const int64_t tasks = task_count(p, context.pool ? context.pool->threads() : 1);
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    const auto t = static_cast<int64_t>(task);
    for (int64_t k = planes * t / tasks; k < planes * (t + 1) / tasks; ++k) {
      const std::byte* from = x.as<const std::byte>() + k * given * bytes;
      std::byte* to = out.as<std::byte>() + k * area * bytes;
      if (x.dtype == DType::f64) {
        add_windows(p, from, x.dtype, reinterpret_cast<double*>(to));
      } else if (x.dtype == DType::f32) {
        add_windows(p, from, x.dtype, reinterpret_cast<float*>(to));
      } else {
        auto* plane = reinterpret_cast<float*>(context.scratch.data()) + t * area;
        add_windows(p, from, x.dtype, plane);
        pointwise::store_fn(x.dtype)(to, plane, 1, static_cast<size_t>(area));
      }
    }
  });
  return {};
}

}  // namespace

extern const Kernel kCol2im;
const Kernel kCol2im = {"aten::col2im", sizeof(Plan), prepare, run};

}  // namespace portfire::spatial
