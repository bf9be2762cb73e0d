// portfire::convolution_backward_weight in f32, one to three dimensions, any groups, strides and dilation. Channels become
// lines (lines.h), so that what a tap reads is a line from an offset on; the gradient of the result lies in the same frame,
// with zeros where no result is. A group's gradient is then a matrix product over positions,
//   w[c, k; o] = sum over positions p of line[c, p + offset(k)] * d[p, o],
// whose left side is shifted lines, read where they are, and whose right side is packed. Where a group has a few outputs only
// (depthwise convolutions), it is dot products of lines. Where frames are large for what is in them, and a group has outputs
// enough for it, windows are copied from the lines side by side, and sums are over results.
//
// Images are taken some at a time, one after the other; threads share rows (channels and taps), never a sum.
//
// Positions in frames that belong to no result are multiplied by 0: a NaN or an infinity in the input may reach all taps of
// its channel.
#include <algorithm>

#include "kernels/conv/lines.h"
#include "kernels/copy/strided.h"
#include "kernels/gemm/blocks.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/wide.h"
#include "kernels/kernel.h"
#include "kernels/scratch.h"
#include "kernels/thread_pool.h"
#include "ops/convolution_backward.h"

namespace portfire::conv {
namespace {

using gemm::kPanel;
using ops::as_volume;
using ops::convolution_backward::Geometry;

constexpr int64_t kTogether = 1 << 20;  // numbers in the lines of the images that are taken together
constexpr int64_t kFewOuts = 4;         // of a group: products would be mostly padding
constexpr int64_t kDots = 1024;         // elements of a dot product in f32
constexpr int64_t kWaste = 4;           // numbers in lines for each of the input, at most

struct Plan {
  Geometry g;
  Lines lines, flat;           // of the input; of the gradient, without zeros before
  int64_t ins, outs, taps;     // channels of a group
  int64_t counts[3];           // of the gradient
  int64_t images, line, grad_line;
  bool dense;                  // windows are copied
  size_t offsets, rows, x, grad, packed, windows, sums;  // of scratch: bytes of the first two, then numbers
};

size_t panels_of(int64_t outs) { return (static_cast<size_t>(outs) + kPanel - 1) / kPanel; }

bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan();
  const TensorView &x = o.in(0), &grad = o.in(1), &w = o.out(0);
  if (x.dtype != DType::f32 || grad.dtype != DType::f32 || w.dtype != DType::f32 || !w.is_contiguous() || ops::convolution_backward::read_geometry(Args(o.args), &p.g)) return false;
  if (x.numel() == 0 || grad.numel() == 0 || w.numel() == 0) return false;
  p.ins = x.size(1) / p.g.groups;
  p.outs = grad.size(1) / p.g.groups;
  const TensorView from = as_volume(x, p.g.spatial), to = as_volume(grad, p.g.spatial);
  Axis axes[3];
  double results = 1;
  p.taps = 1;
  for (int d = 0; d < 3; ++d) {
    p.counts[d] = to.size(d + 2);
    if (!is_usual(p.g.kernel[d], p.g.dilation[d], p.g.padding[d], p.g.stride[d])) return false;
    axes[d] = {from.size(d + 2), p.g.stride[d], p.counts[d], -p.g.padding[d], (p.g.kernel[d] - 1) * p.g.dilation[d] - p.g.padding[d]};
    p.taps *= p.g.kernel[d];
    results *= static_cast<double>(p.counts[d]);
  }
  p.lines = plan_lines(axes);
  const double one = static_cast<double>(p.lines.image) * static_cast<double>(p.lines.phases);
  if (one > kWaste * (static_cast<double>(from.size(2) * from.size(3) * from.size(4)) + 64)) return false;
  // To copy a number takes as long as some twenty products of it.
  p.dense = p.outs >= kFewOuts && static_cast<double>(p.lines.image) > results * (1 + 20 / static_cast<double>(p.outs));
  p.flat = p.lines;
  p.flat.phases = 1;
  p.flat.reach = 0;
  for (int d = 0; d < 3; ++d) {
    p.flat.lead[d] = 0;
    p.flat.used[d] = p.counts[d];
    p.flat.step[d] = 1;
    if (p.dense) p.flat.size[d] = p.counts[d];
  }
  if (p.dense) p.flat.image = p.counts[0] * p.counts[1] * p.counts[2];
  const int64_t rows = p.ins * p.taps;
  int64_t numbers = p.lines.image * std::max(p.lines.phases * x.size(1), grad.size(1));  // for an image
  if (p.dense) numbers = std::max(numbers, p.flat.image * rows / 4);
  p.images = std::clamp<int64_t>(kTogether / numbers, 1, x.size(0));
  p.line = line_length(p.lines, p.images, 16, sizeof(float));
  p.grad_line = line_length(p.flat, p.images, 16, sizeof(float));
  const int64_t most = p.images * p.flat.image;
  p.offsets = whole_lines(static_cast<size_t>(p.taps) * sizeof(int64_t));
  p.rows = whole_lines(static_cast<size_t>(rows) * sizeof(float*)) * o.threads;
  p.x = static_cast<size_t>(p.line * p.lines.phases * x.size(1));
  p.grad = static_cast<size_t>(p.grad_line * grad.size(1));
  p.packed = p.outs < kFewOuts ? 0 : panels_of(p.outs) * kPanel * static_cast<size_t>(most * p.g.groups);
  p.windows = p.dense ? static_cast<size_t>(rows * most) : 0;
  p.sums = padded(w.numel());
  *scratch = p.offsets + p.rows + (p.x + p.grad + p.packed + p.windows + p.sums) * sizeof(float);
  return true;
}

struct Memory {
  int64_t* offsets;  // of taps, from a channel's first line on
  const float** rows;
  float *x, *grad, *packed, *windows, *sums;
};

// Dot products, into sums of the result's own order.
void add_dots(const Plan& p, const Memory& m, int64_t length, bool first, ThreadPool* pool) {
  static const auto dot = gemm::wide_functions<float>().dot;
  parallel(pool, static_cast<size_t>(p.g.groups * p.outs), [&](size_t task, size_t) {
    const auto o = static_cast<int64_t>(task);
    const float* const d = m.grad + o * p.grad_line;
    float* to = m.sums + o * p.ins * p.taps;
    for (int64_t c = o / p.outs * p.ins, end = c + p.ins; c < end; ++c)
      for (int64_t k = 0; k < p.taps; ++k, ++to) {
        const float* const x = m.x + c * p.lines.phases * p.line + m.offsets[k];
        double sum = first ? 0 : static_cast<double>(*to);
        for (int64_t i = 0; i < length; i += kDots) sum += dot(x + i, d + i, std::min(kDots, length - i));
        *to = static_cast<float>(sum);
      }
  });
}

// Row i of a group's left side, for each result of `images`.
void copy_windows(const Plan& p, const float* line, int64_t images, float* to) {
  for (int64_t n = 0; n < images; ++n)
    for (int64_t d = 0; d < p.counts[0]; ++d)
      for (int64_t h = 0; h < p.counts[1]; ++h, to += p.counts[2]) copy_run(to, line + n * p.lines.image + (d * p.lines.size[1] + h) * p.lines.size[2], p.counts[2]);
}

// Products, into sums [group][channel][tap][out].
void add_products(const Plan& p, const Memory& m, int64_t images, int64_t length, bool first, ThreadPool* pool) {
  const size_t panels = panels_of(p.outs);
  const auto k = static_cast<size_t>(length), n = static_cast<size_t>(p.outs);
  parallel(pool, panels * static_cast<size_t>(p.g.groups), [&](size_t t, size_t) {
    const size_t group = t / panels, panel = t % panels;
    const float* const from = m.grad + static_cast<int64_t>(group * n + panel * kPanel) * p.grad_line;
    gemm::pack(from, 1, p.grad_line, k, std::min(kPanel, n - panel * kPanel), m.packed + t * kPanel * k);
  });
  const int64_t rows = p.ins * p.taps;
  const size_t list = p.rows / sizeof(float*) / (pool ? pool->threads() : 1);
  const auto line_of = [&](int64_t group, int64_t i) { return m.x + (group * p.ins + i / p.taps) * p.lines.phases * p.line + m.offsets[i % p.taps]; };
  const auto product = [&](size_t group, size_t m0, size_t m1, size_t p0, size_t p1, size_t worker) {
    const float** const at = m.rows + worker * list;
    for (size_t i = m0; i < m1; ++i) {
      at[i - m0] = p.dense ? m.windows + static_cast<int64_t>(i) * length : line_of(static_cast<int64_t>(group), static_cast<int64_t>(i));
    }
    float* const to = m.sums + (static_cast<int64_t>(group) * rows + static_cast<int64_t>(m0)) * p.outs;
    gemm::Product g{m1 - m0, n, k, 1, at, m.packed + group * panels * kPanel * k, to, n, {}};
    if (!first) g.epilogue.residual = to;
    gemm::run(g, p0, p1);
  };
  const auto groups = static_cast<size_t>(p.g.groups), most = static_cast<size_t>(rows);
  for (size_t group = 0; group < groups && (p.dense || groups == 1); ++group) {
    const int64_t tasks = p.dense ? std::clamp<int64_t>(rows * length >> 14, 1, rows) : 0;
    parallel(pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
      for (int64_t i = rows * static_cast<int64_t>(t) / tasks; i < rows * static_cast<int64_t>(t + 1) / tasks; ++i) copy_windows(p, line_of(static_cast<int64_t>(group), i), images, m.windows + i * length);
    });
    gemm::in_parts(most, n, k, pool, [&](size_t m0, size_t m1, size_t p0, size_t p1, size_t worker) { product(group, m0, m1, p0, p1, worker); });
  }
  if (p.dense || groups == 1) return;
  parallel(pool, groups, [&](size_t group, size_t worker) { product(group, 0, most, 0, panels, worker); });
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const TensorView x = as_volume(o.in(0), p.g.spatial), grad = as_volume(o.in(1), p.g.spatial);
  ThreadPool* const pool = context.pool;
  Memory m;
  m.offsets = reinterpret_cast<int64_t*>(context.scratch.data());
  m.rows = reinterpret_cast<const float**>(context.scratch.data() + p.offsets);
  m.x = reinterpret_cast<float*>(context.scratch.data() + p.offsets + p.rows);
  m.grad = m.x + p.x;
  m.packed = m.grad + p.grad;
  m.windows = m.packed + p.packed;
  m.sums = m.windows + p.windows;
  for (int64_t k = 0; k < p.taps; ++k) {
    const Tap tap = tap_of(p.g.kernel, k);
    int64_t e[3];
    for (int d = 0; d < 3; ++d) e[d] = tap.at[d] * p.g.dilation[d] - p.g.padding[d];
    m.offsets[k] = tap_offset(p.lines, e, p.line);
  }
  for (int64_t n = 0; n < x.size(0); n += p.images) {
    const int64_t images = std::min(p.images, x.size(0) - n), length = positions(p.flat, images, p.counts);
    fill_lines(p.lines, x, n, images, m.x, p.line, pool);
    fill_lines(p.flat, grad, n, images, m.grad, p.grad_line, pool);
    if (p.packed == 0)
      add_dots(p, m, length, n == 0, pool);
    else
      add_products(p, m, images, length, n == 0, pool);
  }
  float* const out = o.out(0).as<float>();
  const int64_t rows = p.ins * p.taps;
  if (p.packed == 0) {
    std::copy_n(m.sums, p.g.groups * p.outs * rows, out);
    return {};
  }
  for (int64_t group = 0; group < p.g.groups; ++group)
    copy::transpose(out + group * p.outs * rows, rows, m.sums + group * rows * p.outs, p.outs, p.outs, rows, sizeof(float));
  return {};
}

}  // namespace

extern const Kernel kConvolutionBackwardWeight;
const Kernel kConvolutionBackwardWeight = {"portfire::convolution_backward_weight", sizeof(Plan), prepare, run};

}  // namespace portfire::conv
