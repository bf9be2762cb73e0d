// aten::convolution whose weights are only known at run time: one to three dimensions, any groups, strides and dilation,
// transposed too; f32, f64, and f16 and bf16, which are widened.
//
// Channels become lines (lines.h), and a group's result is a matrix product whose right side is such shifted lines, read
// where they are:
//   sums[o, p] = sum over c, k of w[o, c, k] * line[c, p + offset(k)]
// for every position p of a line; those within frames are computed and left out.
//
// Where frames are large for what is in them, and a group has channels enough for it, the windows of results are packed side by
// side instead: [c taps, results], a product like any other.
//
// A transposed convolution of stride s is s convolutions (for each dimension), each of every s-th tap, which give every s-th
// result: output o = a + q s takes tap k from input q + (a + padding - k dilation) / s, where that divides.
#include <algorithm>

#include "kernels/conv/lines.h"
#include "kernels/gemm/wide.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "kernels/scratch.h"
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
constexpr int64_t kLeastPositions = 128;
constexpr int64_t kRowsAtOnce = 48, kDepth = 256;
constexpr int64_t kWaste = 4;         // positions for each result, and numbers in lines for each of the input, at most
constexpr int64_t kTogether = 1 << 20;  // numbers in the lines of the images that are taken together
constexpr int64_t kMostParts = 4096;

constexpr int64_t kColumns = 256, kPacked = 1 << 20;  // results whose windows are packed at once; numbers of them

// Every step[d]-th result from start[d] on, and the taps that give them.
struct Part {
  int64_t start[3], counts[3], taps, first;  // first: taps of the parts before
};

struct Plan {
  Geometry g;
  Lines lines;
  int64_t ins, outs;            // channels of a group
  int64_t kernel[3], taps, parts;
  int64_t images, line;         // that are taken together; from a line to the next
  DType type;
  size_t widened, turned;       // numbers of scratch for the weights (and the bias), where they are copied
  size_t tables, sums;          // bytes for parts, taps and offsets; numbers for each thread
  int64_t columns;              // results whose windows are packed at once; 0: lines are read where they are
};

bool is_half(DType t) { return t == DType::f16 || t == DType::bf16; }
int64_t size_of(DType t) { return t == DType::f64 ? sizeof(double) : sizeof(float); }
int64_t modulo(int64_t a, int64_t b) { return (a % b + b) % b; }

// Of tap k: which results take it, and from where.
int64_t start_of(const Geometry& g, int d, int64_t k) { return g.transposed ? modulo(k * g.dilation[d] - g.padding[d], g.stride[d]) : 0; }
int64_t input_of(const Geometry& g, int d, int64_t k) {
  const int64_t e = k * g.dilation[d] - g.padding[d];
  return g.transposed ? (start_of(g, d, k) - e) / g.stride[d] : e;
}

bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan();
  const TensorView &x = o.in(0), &w = o.in(1), &y = o.out(0);
  if ((x.dtype != DType::f32 && x.dtype != DType::f64 && !is_half(x.dtype)) || w.dtype != x.dtype || y.dtype != x.dtype) return false;
  if (!w.is_contiguous() || !y.is_contiguous() || ops::convolution::read_geometry(Args(o.args), &p.g)) return false;
  if (const TensorView* b = o.optional(2); b && (!b->is_contiguous() || b->dtype != x.dtype)) return false;
  p.type = x.dtype;
  p.ins = x.size(1) / p.g.groups;
  p.outs = y.size(1) / p.g.groups;
  const TensorView from = as_volume(x, p.g.spatial), kernel = as_volume(w, p.g.spatial), to = as_volume(y, p.g.spatial);
  if (x.numel() == 0 || y.numel() == 0 || w.numel() == 0) return false;
  p.taps = p.parts = 1;
  Axis axes[3];
  double results = 1, most = 1;
  for (int d = 0; d < 3; ++d) {
    const int64_t taps = p.kernel[d] = kernel.size(d + 2), out = to.size(d + 2);
    p.taps *= taps;
    Axis& a = axes[d] = {from.size(d + 2), p.g.transposed ? 1 : p.g.stride[d], out, 0, 0};
    if (p.g.transposed) {
      p.parts *= std::min(p.g.stride[d], out);
      a.count = ops::ceil_divide(out, p.g.stride[d]);
    }
    for (int64_t k = 0; k < taps; ++k) {
      const int64_t e = input_of(p.g, d, k);
      a.low = k == 0 ? e : std::min(a.low, e);
      a.high = k == 0 ? e : std::max(a.high, e);
    }
    if (!is_usual(taps, p.g.dilation[d], p.g.padding[d], p.g.stride[d])) return false;
    results *= static_cast<double>(out);
  }
  if (p.parts > kMostParts) return false;
  p.lines = plan_lines(axes);
  most = static_cast<double>(p.lines.image) * static_cast<double>(p.parts);
  const double pixels = static_cast<double>(from.size(2)) * static_cast<double>(from.size(3)) * static_cast<double>(from.size(4));
  if (static_cast<double>(p.lines.image) * static_cast<double>(p.lines.phases) > kWaste * (pixels + 64)) return false;
  // Panels are read whole.
  const int64_t bytes = size_of(x.dtype), one = p.lines.image * p.lines.phases * x.size(1);
  p.images = std::clamp<int64_t>(kTogether / one, 1, x.size(0));
  p.line = line_length(p.lines, p.images, kWidth<float>, bytes);
  p.widened = is_half(x.dtype) ? padded(w.numel() + y.size(1)) : 0;
  p.turned = p.g.transposed ? padded(w.numel()) : 0;
  p.tables = whole_lines(static_cast<size_t>(p.parts) * sizeof(Part) + static_cast<size_t>(p.taps * (1 + p.ins)) * sizeof(int64_t));
  p.sums = padded(std::min(p.outs, kRowsAtOnce) * kPositions);
  // To pack a number takes as long as some twenty products of it.
  p.columns = most > results * (1 + 20 / static_cast<double>(p.outs)) ? std::clamp<int64_t>(kPacked / (p.ins * p.taps) / 32 * 32, 32, kColumns) : 0;
  if (p.columns == 0 && most > kWaste * results) return false;
  const size_t packed = static_cast<size_t>(p.columns * p.ins * p.taps);
  *scratch = p.tables + (p.widened + p.turned + static_cast<size_t>(p.line * p.lines.phases * x.size(1)) + p.sums * o.threads + packed) * static_cast<size_t>(bytes);
  return true;
}

// What is the same for all images, in memory that is lent.
struct Tables {
  Part* parts;
  int64_t* taps;     // numbers of the kernel's taps, part by part
  int64_t* offsets;  // [part][channel][tap]: where they read
};

Tables fill_tables(const Plan& p, const TensorView& y, std::byte* memory) {
  Tables t{reinterpret_cast<Part*>(memory), nullptr, nullptr};
  t.taps = reinterpret_cast<int64_t*>(t.parts + p.parts);
  t.offsets = t.taps + p.taps;
  int64_t step[3], parts[3], done = 0;
  for (int d = 0; d < 3; ++d) {
    step[d] = p.g.transposed ? p.g.stride[d] : 1;
    parts[d] = std::min(step[d], y.size(d + 2));
  }
  for (int64_t i = 0; i < p.parts; ++i) {
    Part& part = t.parts[i];
    part = {{i / parts[2] / parts[1], i / parts[2] % parts[1], i % parts[2]}, {}, 0, done};
    for (int d = 0; d < 3; ++d) part.counts[d] = (y.size(d + 2) - part.start[d] + step[d] - 1) / step[d];
    for (int64_t k = 0; k < p.taps; ++k) {
      const Tap tap = tap_of(p.kernel, k);
      bool ours = true;
      for (int d = 0; d < 3; ++d) ours &= start_of(p.g, d, tap.at[d]) == part.start[d];
      if (ours) t.taps[part.first + part.taps++] = k;
    }
    int64_t* offsets = t.offsets + part.first * p.ins;
    for (int64_t j = 0; j < part.taps; ++j) {
      const Tap tap = tap_of(p.kernel, t.taps[part.first + j]);
      const int64_t e[] = {input_of(p.g, 0, tap.at[0]), input_of(p.g, 1, tap.at[1]), input_of(p.g, 2, tap.at[2])};
      const int64_t offset = tap_offset(p.lines, e, p.line);
      for (int64_t c = 0; c < p.ins; ++c) offsets[c * part.taps + j] = c * p.lines.phases * p.line + offset;
    }
    done += part.taps;
  }
  return t;
}

// w [groups * ins, outs, taps] as [part][group][out][in][tap of the part].
template <class T>
void turn_weights(const Plan& p, const Tables& t, const T* w, T* to, ThreadPool* pool) {
  constexpr int64_t kSideBySide = 16;  // runs of w that are read together
  const int64_t blocks = (p.ins + kSideBySide - 1) / kSideBySide, tasks = p.taps * p.ins * p.outs < 1 << 14 ? 1 : p.g.groups * blocks;
  parallel(pool, static_cast<size_t>(tasks), [&](size_t task, size_t) {
    for (int64_t u = p.g.groups * blocks * static_cast<int64_t>(task) / tasks; u < p.g.groups * blocks * static_cast<int64_t>(task + 1) / tasks; ++u) {
      const int64_t group = u / blocks, first = u % blocks * kSideBySide, end = std::min(p.ins, first + kSideBySide);
      for (int64_t i = 0; i < p.parts; ++i) {
        const Part& part = t.parts[i];
        const int64_t* taps = t.taps + part.first;
        T* const base = to + (part.first * p.g.groups + group * part.taps) * p.outs * p.ins;
        for (int64_t o = 0; o < p.outs; ++o)
          for (int64_t c = first; c < end; ++c)
            for (int64_t j = 0; j < part.taps; ++j) base[(o * p.ins + c) * part.taps + j] = w[((group * p.ins + c) * p.outs + o) * p.taps + taps[j]];
      }
    }
  });
}

// Sums of positions [first, first + count) and rows (at most kRowsAtOnce) of weights, k deep; rows of sums lie kPositions apart.
template <class T>
void run_product(const T* weights, int64_t rows, int64_t k, const T* lines, const int64_t* offsets, int64_t first, int64_t count, T* sums) {
  static const auto tile = gemm::wide_functions<T>().tile;
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  for (int64_t depth = 0; depth < k; depth += kDepth)
    for (int64_t j = 0; j < count; j += kWidth<T>)
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t row = rows * i / tiles;
        tile({rows * (i + 1) / tiles - row, std::min(kDepth, k - depth), weights + row * k + depth, k, lines + first + j, sums + row * kPositions + j, kPositions,
              depth > 0, offsets + depth});
      }
}

// What products are made of.
template <class T>
struct Sources {
  const T *weights, *bias, *lines;
  const int64_t* offsets;
};

// Where results go. A run of them: of image n, from (d, h, w) of the part on.
struct Run {
  int64_t n, d, h, w, length;
};
template <class T>
class Sink {
 public:
  Sink(const Plan& p, const Part& part, const TensorView& y) : part_(part), y_(y), plain_(!is_half(p.type)), store_(pointwise::store_fn(p.type)) {
    for (int d = 0; d < 3; ++d) step_[d] = p.g.transposed ? p.g.stride[d] : 1;
  }
  // Rows of sums, kPositions apart, to channels from `channel` on.
  void put(const Run& r, int64_t channel, int64_t rows, const T* row) const {
    const int64_t plane = y_.size(2) * y_.size(3) * y_.size(4);
    const int64_t pixel = ((part_.start[0] + r.d * step_[0]) * y_.size(3) + part_.start[1] + r.h * step_[1]) * y_.size(4) + part_.start[2] + r.w * step_[2];
    int64_t at = (r.n * y_.size(1) + channel) * plane + pixel;
    for (int64_t i = 0; i < rows; ++i, at += plane, row += kPositions)
      if (!plain_) {
        store_(y_.as<std::byte>() + at * static_cast<int64_t>(byte_size(y_.dtype)), row, step_[2], static_cast<size_t>(r.length));
      } else if (step_[2] == 1) {
        copy_run(y_.as<T>() + at, row, r.length);
      } else {
        T* const to = y_.as<T>() + at;
        for (int64_t q = 0; q < r.length; ++q) to[q * step_[2]] = row[q];
      }
  }

 private:
  const Part& part_;
  const TensorView& y_;
  const bool plain_;
  const pointwise::StoreFn store_;
  int64_t step_[3];
};

template <class T>
void add_bias(const T* bias, int64_t rows, int64_t count, T* sums) {
  for (int64_t i = 0; bias && i < rows; ++i)
    for (int64_t j = 0; j < count; ++j) sums[i * kPositions + j] += bias[i];
}

// Results of images [n0, n0 + images).
template <class T>
void run_part(const Plan& p, const Part& part, const Sources<T>& s, const TensorView& y, int64_t n0, int64_t images, T* buffers, ThreadPool* pool) {
  const int64_t all = positions(p.lines, images, part.counts), k = p.ins * part.taps, blocks = (p.outs + kRowsAtOnce - 1) / kRowsAtOnce;
  const int64_t threads = pool ? static_cast<int64_t>(pool->threads()) : 1;
  int64_t at_once = kPositions;
  while (threads > 1 && at_once > kLeastPositions && p.g.groups * blocks * ((all + at_once - 1) / at_once) < 3 * threads) at_once /= 2;
  const int64_t chunks = (all + at_once - 1) / at_once;
  const Sink<T> sink(p, part, y);
  parallel(pool, static_cast<size_t>(p.g.groups * blocks * chunks), [&](size_t task, size_t worker) {
    const int64_t chunk = static_cast<int64_t>(task) % chunks, block = static_cast<int64_t>(task) / chunks % blocks, group = static_cast<int64_t>(task) / chunks / blocks;
    const int64_t first = chunk * at_once, count = std::min(at_once, all - first);
    const int64_t channel = group * p.outs + block * kRowsAtOnce, rows = std::min(kRowsAtOnce, p.outs - block * kRowsAtOnce);
    T* const sums = buffers + worker * p.sums;
    if (k > 0)
      run_product<T>(s.weights + channel * k, rows, k, s.lines + group * p.ins * p.lines.phases * p.line, s.offsets, first, count, sums);
    else
      std::fill_n(sums, rows * kPositions, T(0));
    add_bias(s.bias ? s.bias + channel : nullptr, rows, count, sums);
    for_results(p.lines, part.counts, first, count,
                [&](int64_t from, int64_t n, int64_t d, int64_t h, int64_t w, int64_t length) { sink.put({n0 + n, d, h, w, length}, channel, rows, sums + from); });
  });
}

// The same where windows are packed, some results after the others.
template <class T>
void run_packed(const Plan& p, const Part& part, const Sources<T>& s, const TensorView& y, int64_t n0, int64_t images, T* buffers, T* packed, ThreadPool* pool) {
  constexpr int64_t kW = kWidth<T>;
  const int64_t each = part.counts[0] * part.counts[1] * part.counts[2], all = images * each, k = p.ins * part.taps, blocks = (p.outs + kRowsAtOnce - 1) / kRowsAtOnce;
  const Sink<T> sink(p, part, y);
  for (int64_t group = 0; group < p.g.groups; ++group)
    for (int64_t first = 0; first < all; first += p.columns) {
      const int64_t count = std::min(p.columns, all - first), panels = (count + kW - 1) / kW;
      Run runs[kColumns];
      int64_t run_count = 0;
      for (int64_t j = first; j < first + count; j += runs[run_count++].length) {
        const int64_t w = j % part.counts[2], row = j / part.counts[2];
        runs[run_count] = {j / each, row / part.counts[1] % part.counts[0], row % part.counts[1], w, std::min(part.counts[2] - w, first + count - j)};
      }
      const T* const lines = s.lines + group * p.ins * p.lines.phases * p.line;
      const int64_t packs = std::clamp<int64_t>(k * count >> 14, 1, k);
      parallel(pool, static_cast<size_t>(k > 0 ? packs : 0), [&](size_t task, size_t) {
        T row[kColumns] = {};
        for (int64_t i = k * static_cast<int64_t>(task) / packs; i < k * static_cast<int64_t>(task + 1) / packs; ++i) {
          T* to = row;
          for (int64_t r = 0; r < run_count; to += runs[r++].length)
            copy_run(to, lines + s.offsets[i] + runs[r].n * p.lines.image + (runs[r].d * p.lines.size[1] + runs[r].h) * p.lines.size[2] + runs[r].w, runs[r].length);
          for (int64_t panel = 0; panel < panels; ++panel) std::copy_n(row + panel * kW, kW, packed + (panel * k + i) * kW);
        }
      });
      parallel(pool, static_cast<size_t>(blocks), [&](size_t block, size_t worker) {
        const int64_t channel = group * p.outs + static_cast<int64_t>(block) * kRowsAtOnce, rows = std::min(kRowsAtOnce, p.outs - static_cast<int64_t>(block) * kRowsAtOnce);
        T* const sums = buffers + worker * p.sums;
        if (k > 0)
          gemm::run_panels<T>(s.weights + channel * k, k, rows, k, packed, count, sums, kPositions);
        else
          std::fill_n(sums, rows * kPositions, T(0));
        add_bias(s.bias ? s.bias + channel : nullptr, rows, count, sums);
        const T* from = sums;
        for (int64_t r = 0; r < run_count; from += runs[r++].length) sink.put({n0 + runs[r].n, runs[r].d, runs[r].h, runs[r].w, runs[r].length}, channel, rows, from);
      });
    }
}

template <class T>
void run_as(const Plan& p, const Operands& o, const KernelContext& context) {
  const TensorView x = as_volume(o.in(0), p.g.spatial), w = as_volume(o.in(1), p.g.spatial), y = as_volume(o.out(0), p.g.spatial);
  const Tables tables = fill_tables(p, y, context.scratch.data());
  T* memory = reinterpret_cast<T*>(context.scratch.data() + p.tables);
  const T *weights = w.as<T>(), *bias = o.optional(2) ? o.optional(2)->as<T>() : nullptr;
  if (p.widened) {
    const auto load = pointwise::load_fn(p.type);
    load(memory, w.data, 1, static_cast<size_t>(w.numel()));
    if (bias) load(memory + w.numel(), o.optional(2)->data, 1, static_cast<size_t>(y.size(1)));
    weights = memory;
    bias = bias ? memory + w.numel() : nullptr;
    memory += p.widened;
  }
  if (p.turned) {
    turn_weights(p, tables, weights, memory, context.pool);
    weights = memory;
    memory += p.turned;
  }
  T* const lines = memory;
  T *const buffers = lines + p.line * p.lines.phases * x.size(1), *const packed = buffers + p.sums * (context.pool ? context.pool->threads() : 1);
  for (int64_t n = 0; n < x.size(0); n += p.images) {
    const int64_t images = std::min(p.images, x.size(0) - n);
    fill_lines(p.lines, x, n, images, lines, p.line, context.pool);
    for (int64_t i = 0; i < p.parts; ++i) {
      const Part& part = tables.parts[i];
      const Sources<T> sources{weights + part.first * p.g.groups * p.outs * p.ins, bias, lines, tables.offsets + part.first * p.ins};
      if (p.columns > 0)
        run_packed<T>(p, part, sources, y, n, images, buffers, packed, context.pool);
      else
        run_part<T>(p, part, sources, y, n, images, buffers, context.pool);
    }
  }
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  if (p.type == DType::f64)
    run_as<double>(p, o, context);
  else
    run_as<float>(p, o, context);
  return {};
}

}  // namespace

extern const Kernel kShiftedConvolution;
const Kernel kShiftedConvolution = {"aten::convolution", sizeof(Plan), prepare, run};

}  // namespace portfire::conv
