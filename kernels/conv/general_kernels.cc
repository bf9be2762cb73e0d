// aten::convolution of f32 as it comes: one to three dimensions, channels first, any groups, weights only
// known at run time, transposed too. Each is a matrix product by group and image:
//   forward     y [O, pixels] = w [O, C taps] x columns, where columns [C taps, pixels] are the windows,
//               packed into panels for some pixels at a time;
//   transposed  columns [O taps, pixels] = w^T x [C, pixels], each then added where its window lies.
#include <algorithm>

#include "kernels/gemm/gemm.h"
#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/convolution.h"

namespace portfire::conv {
namespace {

using gemm::kPanel;
using ops::as_volume;
using ops::convolution::Geometry;

constexpr int64_t kChunkPanels = 8;  // forward: panels of pixels in a task
constexpr int64_t kChunk = kChunkPanels * static_cast<int64_t>(kPanel);
constexpr int64_t kColumns = 1 << 18;  // transposed: floats of columns in a task, at most (one channel at least)

struct Plan {
  Geometry g;
  int64_t batch, ins, outs, taps;        // channels of a group
  int64_t in_pixels, out_pixels;         // of one plane
  int64_t channels_at_once;              // transposed: channels of a task
  size_t shared_floats, thread_floats;   // scratch
};

size_t round_up(int64_t n) { return static_cast<size_t>((n + 15) / 16 * 16); }

bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan();
  const TensorView &x = o.in(0), &w = o.in(1), &y = o.out(0);
  if (x.dtype != DType::f32 || !w.is_contiguous() || !y.is_contiguous() || ops::convolution::read_geometry(Args(o.args), &p.g)) return false;
  if (const TensorView* b = o.optional(2); b && !b->is_contiguous()) return false;
  p.batch = x.size(0);
  p.ins = x.size(1) / p.g.groups;
  p.outs = y.size(1) / p.g.groups;
  p.taps = p.in_pixels = p.out_pixels = 1;
  for (int d = 2; d < x.rank(); ++d) {
    p.taps *= w.size(d);
    p.in_pixels *= x.size(d);
    p.out_pixels *= y.size(d);
  }
  if (p.ins == 0 || p.taps == 0 || p.outs == 0 || p.in_pixels == 0) return false;
  if (!p.g.transposed) {
    p.thread_floats = round_up(p.ins * p.taps * kChunk);
  } else {
    if (!x.is_contiguous()) return false;
    p.channels_at_once = std::clamp<int64_t>(kColumns / (p.taps * p.in_pixels), 1, p.outs);
    p.thread_floats = round_up(p.channels_at_once * p.taps * p.in_pixels);
    p.shared_floats = round_up(static_cast<int64_t>(gemm::packed_size(static_cast<size_t>(p.ins), static_cast<size_t>(p.in_pixels)))) +
                      round_up(p.outs * p.taps * p.ins);
  }
  *scratch = (p.shared_floats + p.thread_floats * o.threads) * sizeof(float);
  return true;
}

// Calls f(line, i) for one kernel tap and pixels [first, first + count) of the output: `line` is where a
// run of pixels begins (counted from `first`), paired with input elements from offset i on.
template <class F>
void for_runs(const Plan& p, const TensorView& x, const TensorView& y, const int64_t (&tap)[3], int64_t first, int64_t count, F f) {
  const int64_t width = y.size(4), height = y.size(3);
  for (int64_t row = first / width; row * width < first + count; ++row) {
    const int64_t begin = row * width, low = std::max(first - begin, int64_t{0}), high = std::min(first + count - begin, width);
    const int64_t oh = row % height, od = row / height;
    const Geometry::Pairs deep = p.g.pairs(0, tap[0], od, od + 1, x.size(2)), tall = p.g.pairs(1, tap[1], oh, oh + 1, x.size(3)),
                          wide = p.g.pairs(2, tap[2], low, high, x.size(4));
    if (deep.count && tall.count && wide.count)
      f(begin + wide.o - first, deep.i * x.strides[2] + tall.i * x.strides[3] + wide.i * x.strides[4], wide.count);
  }
}

// The windows of `count` pixels (at most kChunk) of a group's channels, as panels.
void pack_windows(const Plan& p, const TensorView& x, const TensorView& w, const TensorView& y, const float* channels, int64_t first,
                  int64_t count, float* packed) {
  const int64_t k = p.ins * p.taps, panels = (count + static_cast<int64_t>(kPanel) - 1) / static_cast<int64_t>(kPanel);
  const int64_t step = p.g.stride[2] * x.strides[4];
  int64_t row = 0;
  float line[kChunk];
  for (int64_t c = 0; c < p.ins; ++c)
    for (int64_t kd = 0; kd < w.size(2); ++kd)
      for (int64_t kh = 0; kh < w.size(3); ++kh)
        for (int64_t kw = 0; kw < w.size(4); ++kw, ++row) {
          std::fill_n(line, kChunk, 0.0f);
          for_runs(p, x, y, {kd, kh, kw}, first, count, [&](int64_t at, int64_t offset, int64_t length) {
            const float* from = channels + c * x.strides[1] + offset;
            if (step == 1)
              std::copy_n(from, length, line + at);
            else
              for (int64_t i = 0; i < length; ++i) line[at + i] = from[i * step];
          });
          for (int64_t panel = 0; panel < panels; ++panel)
            std::copy_n(line + panel * static_cast<int64_t>(kPanel), kPanel, packed + (panel * k + row) * static_cast<int64_t>(kPanel));
        }
}

void run_forward(const Plan& p, const Operands& o, const KernelContext& context) {
  const TensorView x = as_volume(o.in(0), p.g.spatial), w = as_volume(o.in(1), p.g.spatial), y = as_volume(o.out(0), p.g.spatial);
  const float* bias = o.optional(2) ? o.optional(2)->as<float>() : nullptr;
  const int64_t chunks = (p.out_pixels + kChunk - 1) / kChunk, k = p.ins * p.taps;
  parallel(context.pool, static_cast<size_t>(p.batch * p.g.groups * chunks), [&](size_t task, size_t worker) {
    const int64_t chunk = static_cast<int64_t>(task) % chunks, group = static_cast<int64_t>(task) / chunks % p.g.groups,
                  n = static_cast<int64_t>(task) / chunks / p.g.groups;
    const int64_t first = chunk * kChunk, count = std::min(kChunk, p.out_pixels - first);
    float* packed = reinterpret_cast<float*>(context.scratch.data()) + worker * p.thread_floats;
    pack_windows(p, x, w, y, x.as<float>() + n * x.strides[0] + group * p.ins * x.strides[1], first, count, packed);
    float* to = y.as<float>() + (n * y.size(1) + group * p.outs) * p.out_pixels + first;
    const gemm::Gemm product{static_cast<size_t>(count), static_cast<size_t>(k), w.as<float>() + group * p.outs * k, k, packed, to, p.out_pixels, {}};
    gemm::run(product, 0, static_cast<size_t>(p.outs), 0, (static_cast<size_t>(count) + kPanel - 1) / kPanel);
    for (int64_t c = 0; bias && c < p.outs; ++c)
      for (int64_t i = 0; i < count; ++i) to[c * p.out_pixels + i] += bias[group * p.outs + c];
  });
}

// Adds the columns of one channel, [taps, input pixels], to its plane of the output.
void add_windows(const Plan& p, const TensorView& x, const TensorView& w, const TensorView& y, const float* columns, float* plane) {
  const int64_t height = x.size(3), width = x.size(4);
  for (int64_t kd = 0; kd < w.size(2); ++kd)
    for (int64_t kh = 0; kh < w.size(3); ++kh)
      for (int64_t kw = 0; kw < w.size(4); ++kw, columns += p.in_pixels) {
        const Geometry::Pairs deep = p.g.pairs(0, kd, 0, y.size(2), x.size(2)), tall = p.g.pairs(1, kh, 0, y.size(3), height),
                              wide = p.g.pairs(2, kw, 0, y.size(4), width);
        for (int64_t a = 0; a < deep.count; ++a)
          for (int64_t b = 0; b < tall.count; ++b) {
            float* to = plane + ((deep.o + a * p.g.stride[0]) * y.size(3) + tall.o + b * p.g.stride[1]) * y.size(4) + wide.o;
            const float* from = columns + ((deep.i + a) * height + tall.i + b) * width + wide.i;
            for (int64_t i = 0; i < wide.count; ++i) to[i * p.g.stride[2]] += from[i];
          }
      }
}

void run_transposed(const Plan& p, const Operands& o, const KernelContext& context) {
  const TensorView x = as_volume(o.in(0), p.g.spatial), w = as_volume(o.in(1), p.g.spatial), y = as_volume(o.out(0), p.g.spatial);
  const float* bias = o.optional(2) ? o.optional(2)->as<float>() : nullptr;
  float* const packed = reinterpret_cast<float*>(context.scratch.data());
  float* const turned = packed + round_up(static_cast<int64_t>(gemm::packed_size(static_cast<size_t>(p.ins), static_cast<size_t>(p.in_pixels))));
  float* const columns = packed + p.shared_floats;
  const int64_t rows = p.outs * p.taps, chunks = (p.outs + p.channels_at_once - 1) / p.channels_at_once;
  for (int64_t group = 0; group < p.g.groups; ++group) {
    const float* weights = w.as<float>() + group * p.ins * rows;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < p.ins; ++c) turned[r * p.ins + c] = weights[c * rows + r];
    for (int64_t n = 0; n < p.batch; ++n) {
      gemm::pack(x.as<float>() + (n * x.size(1) + group * p.ins) * p.in_pixels, p.in_pixels, 1, static_cast<size_t>(p.ins),
                 static_cast<size_t>(p.in_pixels), packed);
      parallel(context.pool, static_cast<size_t>(chunks), [&](size_t task, size_t worker) {
        const int64_t first = static_cast<int64_t>(task) * p.channels_at_once, count = std::min(p.channels_at_once, p.outs - first);
        float* const mine = columns + worker * p.thread_floats;
        const gemm::Gemm product{static_cast<size_t>(p.in_pixels), static_cast<size_t>(p.ins), turned + first * p.taps * p.ins, p.ins,
                                 packed, mine, p.in_pixels, {}};
        gemm::run(product, 0, static_cast<size_t>(count * p.taps), 0, (static_cast<size_t>(p.in_pixels) + kPanel - 1) / kPanel);
        for (int64_t c = 0; c < count; ++c) {
          const int64_t channel = group * p.outs + first + c;
          float* plane = y.as<float>() + (n * y.size(1) + channel) * p.out_pixels;
          std::fill_n(plane, p.out_pixels, bias ? bias[channel] : 0.0f);
          add_windows(p, x, w, y, mine + c * p.taps * p.in_pixels, plane);
        }
      });
    }
  }
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  p.g.transposed ? run_transposed(p, o, context) : run_forward(p, o, context);
  return {};
}

}  // namespace

extern const Kernel kConvolution;
const Kernel kConvolution = {"aten::convolution", sizeof(Plan), prepare, run};

}  // namespace portfire::conv
