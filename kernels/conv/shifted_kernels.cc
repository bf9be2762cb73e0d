// aten::convolution of stride 1 whose weights are only known at run time: one to three dimensions, any groups and dilation;
// f32, f64, and f16 and bf16, which are widened.
//
// Each channel of the batch becomes one line, every image in a frame of zeros for its padding. What one tap of the kernel
// reads is then that line from an offset on, and a group's result is a matrix product whose right side is such shifted
// lines, read where they are:
//   sums[o, p] = sum over c, k of w[o, c, k] * line[c, p + offset(k)]
// for every position p of a line; those within frames are computed and left out.
#include <algorithm>

#include "kernels/conv/channels_last.h"
#include "kernels/gemm/wide.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/thread_pool.h"
#include "ops/convolution.h"
#include "ops/element.h"

namespace portfire::conv {
namespace {

using gemm::kTileRows;
using gemm::kWidth;
using ops::as_volume;
using ops::convolution::Geometry;

constexpr int64_t kPositions = 1024;  // in a task: sums of 48 rows of them stay in L2
constexpr int64_t kRowsAtOnce = 48, kDepth = 256;
constexpr int64_t kWaste = 2;  // positions for each result, at most

struct Plan {
  Geometry g;
  int64_t batch, ins, outs, k;  // channels of a group; k = ins * taps
  int64_t frame[3];             // sizes with padding
  int64_t image, line;          // positions of an image with its frame; from a channel's line to the next
  int64_t positions;            // of all images, to the last result
  DType type;
  size_t weights, offsets;      // numbers of scratch: weights and bias widened; the offsets of taps, of 8 bytes
};

bool is_half(DType t) { return t == DType::f16 || t == DType::bf16; }
size_t size_of(DType t) { return t == DType::f64 ? sizeof(double) : sizeof(float); }

bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan();
  const TensorView &x = o.in(0), &w = o.in(1), &y = o.out(0);
  if ((x.dtype != DType::f32 && x.dtype != DType::f64 && !is_half(x.dtype)) || w.dtype != x.dtype || y.dtype != x.dtype) return false;
  if (!w.is_contiguous() || !y.is_contiguous() || ops::convolution::read_geometry(Args(o.args), &p.g) || p.g.transposed) return false;
  if (const TensorView* b = o.optional(2); b && (!b->is_contiguous() || b->dtype != x.dtype)) return false;
  p.type = x.dtype;
  p.batch = x.size(0);
  p.ins = x.size(1) / p.g.groups;
  p.outs = y.size(1) / p.g.groups;
  const TensorView from = as_volume(x, p.g.spatial), kernel = as_volume(w, p.g.spatial), to = as_volume(y, p.g.spatial);
  int64_t taps = 1;
  for (int d = 0; d < 3; ++d) {
    if (p.g.stride[d] != 1) return false;
    taps *= kernel.size(d + 2);
    p.frame[d] = from.size(d + 2) + 2 * p.g.padding[d];
  }
  p.k = p.ins * taps;
  if (p.k == 0 || y.numel() == 0 || x.numel() == 0) return false;
  p.image = p.frame[0] * p.frame[1] * p.frame[2];
  p.positions = (p.batch - 1) * p.image + ((to.size(2) - 1) * p.frame[1] + to.size(3) - 1) * p.frame[2] + to.size(4);
  if (p.positions > kWaste * p.batch * to.size(2) * to.size(3) * to.size(4)) return false;
  // Panels are read whole; lines of an odd number of cache lines do not meet in a few sets of a cache.
  const auto bytes = size_of(x.dtype);
  p.line = static_cast<int64_t>((whole_lines(static_cast<size_t>(p.batch * p.image + kWidth<float>) * bytes) | 64) / bytes);
  p.weights = is_half(x.dtype) ? whole_lines(static_cast<size_t>(w.numel() + y.size(1)) * bytes) / bytes : 0;
  p.offsets = whole_lines(static_cast<size_t>(p.k) * sizeof(int64_t)) / bytes;
  *scratch = (p.offsets + p.weights + static_cast<size_t>(p.line * x.size(1)) + static_cast<size_t>(std::min(p.outs, kRowsAtOnce) * kPositions) * o.threads) * bytes;
  return true;
}

// Channel c of all images.
template <class T>
void fill_line(const Plan& p, const TensorView& x, int64_t c, T* to) {
  const auto load = pointwise::load_fn(p.type);
  std::fill_n(to, p.line, T(0));
  for (int64_t n = 0; n < p.batch; ++n)
    for (int64_t d = 0; d < x.size(2); ++d)
      for (int64_t h = 0; h < x.size(3); ++h) {
        const int64_t from = n * x.strides[0] + c * x.strides[1] + d * x.strides[2] + h * x.strides[3];
        T* const row = to + n * p.image + ((d + p.g.padding[0]) * p.frame[1] + h + p.g.padding[1]) * p.frame[2] + p.g.padding[2];
        load(row, x.as<std::byte>() + from * static_cast<int64_t>(byte_size(p.type)), x.strides[4], static_cast<size_t>(x.size(4)));
      }
}

void fill_offsets(const Plan& p, const TensorView& w, int64_t* to) {
  for (int64_t c = 0; c < p.ins; ++c)
    for (int64_t d = 0; d < w.size(2); ++d)
      for (int64_t h = 0; h < w.size(3); ++h)
        for (int64_t v = 0; v < w.size(4); ++v)
          *to++ = c * p.line + (d * p.g.dilation[0] * p.frame[1] + h * p.g.dilation[1]) * p.frame[2] + v * p.g.dilation[2];
}

// Sums of positions [first, first + count) and rows (at most kRowsAtOnce) of weights; rows of sums lie kPositions apart.
template <class T>
void run_product(const Plan& p, const T* weights, int64_t rows, const T* lines, const int64_t* offsets, int64_t first, int64_t count, T* sums) {
  static const auto tile = gemm::wide_functions<T>().tile;
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  for (int64_t depth = 0; depth < p.k; depth += kDepth)
    for (int64_t j = 0; j < count; j += kWidth<T>)
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t row = rows * i / tiles;
        tile({rows * (i + 1) / tiles - row, std::min(kDepth, p.k - depth), weights + row * p.k + depth, p.k, lines + first + j, sums + row * kPositions + j, kPositions,
              depth > 0, offsets + depth});
      }
}

// Calls f(from, n, to, length) for the runs of results among positions [first, first + count): `from` counts from `first`,
// `to` is the place in a plane of image n.
template <class F>
void for_results(const Plan& p, const TensorView& y, int64_t first, int64_t count, F f) {
  const int64_t width = p.frame[2];
  for (int64_t row = first / width; row * width < first + count; ++row) {
    const int64_t h = row % p.frame[1], d = row / p.frame[1] % p.frame[0], n = row / p.frame[1] / p.frame[0];
    if (d >= y.size(2) || h >= y.size(3)) continue;
    const int64_t low = std::max(int64_t{0}, first - row * width), high = std::min(y.size(4), first + count - row * width);
    if (low < high) f(row * width + low - first, n, (d * y.size(3) + h) * y.size(4) + low, high - low);
  }
}

template <class T>
void run_as(const Plan& p, const Operands& o, T* scratch, ThreadPool* pool) {
  const TensorView x = as_volume(o.in(0), p.g.spatial), w = as_volume(o.in(1), p.g.spatial), y = as_volume(o.out(0), p.g.spatial);
  const T *weights = w.as<T>(), *bias = o.optional(2) ? o.optional(2)->as<T>() : nullptr;
  auto* const offsets = reinterpret_cast<int64_t*>(scratch);
  scratch += p.offsets;
  fill_offsets(p, w, offsets);
  const auto load = pointwise::load_fn(p.type);
  if (p.weights) {
    load(scratch, w.data, 1, static_cast<size_t>(w.numel()));
    if (bias) load(scratch + w.numel(), o.optional(2)->data, 1, static_cast<size_t>(y.size(1)));
    weights = scratch;
    bias = bias ? scratch + w.numel() : nullptr;
    scratch += p.weights;
  }
  T* const lines = scratch;
  parallel(pool, static_cast<size_t>(x.size(1)), [&](size_t c, size_t) { fill_line(p, x, static_cast<int64_t>(c), lines + static_cast<int64_t>(c) * p.line); });

  T* const buffers = lines + p.line * x.size(1);
  const auto store = pointwise::store_fn(p.type);
  const int64_t chunks = (p.positions + kPositions - 1) / kPositions, blocks = (p.outs + kRowsAtOnce - 1) / kRowsAtOnce, plane = y.size(2) * y.size(3) * y.size(4);
  parallel(pool, static_cast<size_t>(p.g.groups * blocks * chunks), [&](size_t task, size_t worker) {
    const int64_t chunk = static_cast<int64_t>(task) % chunks, block = static_cast<int64_t>(task) / chunks % blocks, group = static_cast<int64_t>(task) / chunks / blocks;
    const int64_t first = chunk * kPositions, count = std::min(kPositions, p.positions - first);
    const int64_t channel = group * p.outs + block * kRowsAtOnce, rows = std::min(kRowsAtOnce, p.outs - block * kRowsAtOnce);
    T* const sums = buffers + static_cast<int64_t>(worker) * std::min(p.outs, kRowsAtOnce) * kPositions;
    run_product<T>(p, weights + channel * p.k, rows, lines + group * p.ins * p.line, offsets, first, count, sums);
    for (int64_t i = 0; i < rows; ++i) {
      T* const row = sums + i * kPositions;
      if (bias)
        for (int64_t j = 0; j < count; ++j) row[j] += bias[channel + i];
      for_results(p, y, first, count, [&](int64_t from, int64_t n, int64_t to, int64_t length) {
        const int64_t at = (n * y.size(1) + channel + i) * plane + to;
        store(y.as<std::byte>() + at * static_cast<int64_t>(byte_size(p.type)), row + from, 1, static_cast<size_t>(length));
      });
    }
  });
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  if (p.type == DType::f64)
    run_as(p, o, reinterpret_cast<double*>(context.scratch.data()), context.pool);
  else
    run_as(p, o, reinterpret_cast<float*>(context.scratch.data()), context.pool);
  return {};
}

}  // namespace

extern const Kernel kShiftedConvolution;
const Kernel kShiftedConvolution = {"aten::convolution", sizeof(Plan), prepare, run};

}  // namespace portfire::conv
