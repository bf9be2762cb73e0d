// portfire::winograd_conv2d. Tiles go through in chunks: their inputs transformed, one matrix product for each place of a tile
// (rows are tiles), the sums transformed back. A chunk's transformed inputs and sums stay in the caches.
#include <algorithm>
#include <limits>

#include "kernels/conv/channels_last.h"
#include "kernels/conv/winograd.h"
#include "kernels/gemm/gemm.h"
#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/winograd_conv2d.h"

namespace portfire::conv {
namespace {

constexpr int64_t kMost = ops::winograd_conv2d::kMaxTile;
constexpr int64_t kBytes = 512 << 10;  // of a chunk's inputs and sums, about: its share of L2 and a part of L3
constexpr int64_t kFewTiles = 24, kMostTiles = 192;  // fewer rows would read the weights too often
constexpr int64_t kManyChunks = 8;                   // for each thread

struct Plan {
  int64_t m, places, pad_top, pad_left;
  int64_t down, across, tiles;  // of an image, of an image, of the batch
  int64_t chunk;                // tiles
  float low, high;
  size_t image_bytes, thread_bytes;  // of scratch: for the input in another order, and for each thread
};

bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan;
  const Args a(o.args);
  const TensorView &x = o.in(0), &out = o.out(0);
  if (!out.is_contiguous()) return false;
  if (const TensorView* r = o.optional(3); r && !r->is_contiguous()) return false;
  p.m = a.integer(5);
  p.places = (p.m + 2) * (p.m + 2);
  p.pad_top = a.ints(6)[0];
  p.pad_left = a.ints(6)[1];
  p.down = (out.size(1) + p.m - 1) / p.m;
  p.across = (out.size(2) + p.m - 1) / p.m;
  p.tiles = out.size(0) * p.down * p.across;
  constexpr float kNone = std::numeric_limits<float>::infinity();
  const bool relu = a.string(7) == "relu", clamp = a.string(7) == "clamp";
  p.low = relu ? 0 : clamp ? static_cast<float>(a.real(8)) : -kNone;
  p.high = clamp ? static_cast<float>(a.real(9)) : kNone;
  const int64_t tile_floats = p.places * (x.size(3) + out.size(3)), threads = static_cast<int64_t>(o.threads);
  p.chunk = std::clamp<int64_t>(kBytes / 4 / std::max<int64_t>(1, tile_floats), kFewTiles, kMostTiles);
  // As many chunks for one thread as for another, where they are not many.
  int64_t chunks = (p.tiles + p.chunk - 1) / p.chunk;
  if (chunks < kManyChunks * threads) chunks = (chunks + threads - 1) / threads * threads;
  p.chunk = std::max<int64_t>(1, (p.tiles + chunks - 1) / std::max<int64_t>(1, chunks));
  p.thread_bytes = lines_of(p.chunk * p.places * x.size(3)) + lines_of(p.chunk * p.places * out.size(3)) + lines_of(x.size(3));
  p.image_bytes = adjacent_bytes(x);
  *scratch = p.image_bytes + p.thread_bytes * o.threads;
  return true;
}

// Where tile `index` of the batch lies: its image, and the place of its first output.
struct Place {
  int64_t image, h, w;
  Place(const Plan& p, int64_t index)
      : image(index / (p.down * p.across)), h(index / p.across % p.down * p.m), w(index % p.across * p.m) {}
};

void transform_inputs(const Plan& p, const TensorView& x, int64_t first, int64_t count, const float* zeros, float* v) {
  const WinogradFunctions& f = winograd_functions();
  const int64_t n = p.m + 2, c = x.size(3);
  for (int64_t t = 0; t < count; ++t) {
    const Place at(p, first + t);
    const float* pixel[kMost * kMost];
    const float* image = x.as<float>() + at.image * x.strides[0];
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) {
        const int64_t h = at.h - p.pad_top + i, w = at.w - p.pad_left + j;
        const bool inside = h >= 0 && h < x.size(1) && w >= 0 && w < x.size(2);
        pixel[i * n + j] = inside ? image + h * x.strides[1] + w * x.strides[2] : zeros;
      }
    f.input({static_cast<size_t>(p.m), static_cast<size_t>(c), pixel, v + t * c, static_cast<size_t>(count * c)});
  }
}

void transform_outputs(const Plan& p, const Operands& o, int64_t first, int64_t count, const float* sums) {
  const WinogradFunctions& f = winograd_functions();
  const TensorView &out = o.out(0), *bias = o.optional(2), *residual = o.optional(3);
  const int64_t channels = out.size(3);
  for (int64_t t = 0; t < count; ++t) {
    const Place at(p, first + t);
    float* pixel[kMost * kMost] = {};
    const float* added[kMost * kMost] = {};
    for (int64_t i = 0; i < p.m && at.h + i < out.size(1); ++i)
      for (int64_t j = 0; j < p.m && at.w + j < out.size(2); ++j) {
        const int64_t offset = ((at.image * out.size(1) + at.h + i) * out.size(2) + at.w + j) * channels;
        pixel[i * p.m + j] = out.as<float>() + offset;
        if (residual) added[i * p.m + j] = residual->as<float>() + offset;
      }
    f.output({static_cast<size_t>(p.m), static_cast<size_t>(channels), sums + t * channels, static_cast<size_t>(count * channels),
              bias ? bias->as<float>() : nullptr, pixel, residual ? added : nullptr, p.low, p.high});
  }
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  const TensorView& out = o.out(0);
  const TensorView x = with_adjacent_channels(o.in(0), context.scratch.data(), context.pool);
  const int64_t c = x.size(3), channels = out.size(3), chunks = (p.tiles + p.chunk - 1) / p.chunk;
  const size_t panels = (static_cast<size_t>(channels) + gemm::kPanel - 1) / gemm::kPanel;
  parallel(context.pool, static_cast<size_t>(chunks), [&](size_t task, size_t worker) {
    const int64_t first = p.tiles * static_cast<int64_t>(task) / chunks, count = p.tiles * static_cast<int64_t>(task + 1) / chunks - first;
    std::byte* memory = context.scratch.data() + p.image_bytes + worker * p.thread_bytes;
    auto* v = reinterpret_cast<float*>(memory);
    auto* sums = reinterpret_cast<float*>(memory += lines_of(p.chunk * p.places * c));
    auto* zeros = reinterpret_cast<float*>(memory + lines_of(p.chunk * p.places * channels));
    std::fill_n(zeros, c, 0.0f);
    transform_inputs(p, x, first, count, zeros, v);
    for (int64_t place = 0; place < p.places; ++place) {
      const gemm::Gemm g{static_cast<size_t>(channels), static_cast<size_t>(c), v + place * count * c, c,
                         o.in(1).as<float>() + place * static_cast<int64_t>(gemm::packed_size(static_cast<size_t>(c), static_cast<size_t>(channels))),
                         sums + place * count * channels, channels, {}};
      gemm::run(g, 0, static_cast<size_t>(count), 0, panels);
    }
    transform_outputs(p, o, first, count, sums);
  });
  return {};
}

}  // namespace

extern const Kernel kWinogradConv2d;
const Kernel kWinogradConv2d = {"portfire::winograd_conv2d", sizeof(Plan), prepare, run};

}  // namespace portfire::conv
