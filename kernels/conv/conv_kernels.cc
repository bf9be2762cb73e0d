// portfire::packed_conv2d as an implicit matrix product: rows are output pixels, and for each kernel
// tap the micro-kernel reads its rows of A where they lie in the input (padding reads a row of zeros).
// Inputs with few channels are gathered first (im2col) for a block of pixels at a time; where channels
// are not adjacent, all of the input is put into channels-last order before.
#include <algorithm>
#include <cstring>

#include "kernels/conv/channels_last.h"
#include "kernels/gemm/gemm.h"
#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/packed_conv2d.h"

namespace portfire::conv {
namespace {

using gemm::kPanel;
using gemm::kRows;
using ops::packed_conv2d::Window;

constexpr int64_t kBlocks = 16;                                          // of kRows pixels, in a chunk
constexpr int64_t kChunk = kBlocks * static_cast<int64_t>(kRows);
constexpr int64_t kDirectChannels = 8;  // fewer are not worth a run of their own for each tap

struct Plan {
  Window w;
  int64_t oh, ow, pixels, channels, taps, k;  // pixels: of the whole batch
  bool direct;
  bool dense;  // each output pixel is a product of the input's pixel at the same place
  gemm::Activation activation;
  float low, high;
  size_t thread_bytes, image_bytes;  // of scratch: for each thread, and for the input in another order
};

bool prepare(const Operands& o, void* state, size_t* scratch) {
  Plan& p = *new (state) Plan;
  const Args a(o.args);
  const TensorView &x = o.in(0), &out = o.out(0);
  if (ops::packed_conv2d::read_window(a, 5, &p.w) || !out.is_contiguous()) return false;
  if (const TensorView* r = o.optional(3); r && !r->is_contiguous()) return false;
  if (!gemm::parse_activation(a.string(9), &p.activation) && a.string(9) != "clamp") return false;
  p.low = static_cast<float>(a.real(10));
  p.high = static_cast<float>(a.real(11));
  p.oh = out.size(1);
  p.ow = out.size(2);
  p.pixels = out.size(0) * p.oh * p.ow;
  p.channels = out.size(3);
  p.taps = p.w.kernel[0] * p.w.kernel[1];
  p.k = p.taps * x.size(3);
  const bool adjacent = x.strides[3] == 1 || x.size(3) == 1;
  p.image_bytes = adjacent ? 0 : (x.bytes() + 63) / 64 * 64;
  p.direct = x.size(3) >= kDirectChannels || p.taps == 1;
  const auto all = [](std::span<const int64_t> list, int64_t value) { return std::all_of(list.begin(), list.end(), [=](int64_t v) { return v == value; }); };
  p.dense = p.taps == 1 && all(p.w.stride, 1) && all(p.w.padding, 0) && (!adjacent || x.is_contiguous());
  const size_t pointers = static_cast<size_t>((p.direct ? p.taps : 1) * kChunk) * sizeof(float*);
  const size_t data = static_cast<size_t>(p.direct ? x.size(3) : p.k * kChunk) * sizeof(float);
  p.thread_bytes = (pointers + data + 127) / 64 * 64;
  *scratch = p.image_bytes + p.thread_bytes * o.threads;
  return true;
}

// An output pixel and where its window begins in the input.
class Pixel {
 public:
  Pixel(const Plan& p, int64_t index) : p_(p), n_(index / (p.oh * p.ow)), oh_(index / p.ow % p.oh), ow_(index % p.ow) {}
  void next() {
    if (++ow_ < p_.ow) return;
    ow_ = 0;
    if (++oh_ < p_.oh) return;
    oh_ = 0;
    ++n_;
  }
  int64_t image() const { return n_; }
  int64_t top() const { return oh_ * p_.w.stride[0] - p_.w.padding[0]; }
  int64_t left() const { return ow_ * p_.w.stride[1] - p_.w.padding[1]; }

 private:
  const Plan& p_;
  int64_t n_, oh_, ow_;
};

// rows[tap * count + i] for the pixels [first, first + count).
void point_rows(const Plan& p, const TensorView& x, int64_t first, int64_t count, const float* zeros, const float** rows) {
  if (p.dense) {
    const float* from = x.as<float>() + first * x.size(3);
    for (int64_t i = 0; i < count; ++i) rows[i] = from + i * x.size(3);
    return;
  }
  Pixel pixel(p, first);
  for (int64_t i = 0; i < count; ++i, pixel.next()) {
    const float** to = rows + i;
    const float* image = x.as<float>() + pixel.image() * x.strides[0];
    for (int64_t kh = 0; kh < p.w.kernel[0]; ++kh) {
      const int64_t h = pixel.top() + kh * p.w.dilation[0];
      for (int64_t kw = 0; kw < p.w.kernel[1]; ++kw, to += count) {
        const int64_t v = pixel.left() + kw * p.w.dilation[1];
        const bool inside = h >= 0 && h < x.size(1) && v >= 0 && v < x.size(2);
        *to = inside ? image + h * x.strides[1] + v * x.strides[2] : zeros;
      }
    }
  }
}

// One row of a window: kernel[1] pixels from column `left` on, dilated, zeros outside. `line` is the
// input's row, its channels adjacent.
void gather_line(const Plan& p, const TensorView& x, const float* line, int64_t left, float* to) {
  const int64_t c = x.size(3), width = x.size(2), kernel = p.w.kernel[1];
  if (p.w.dilation[1] == 1 && x.strides[2] == c) {
    const int64_t before = std::clamp<int64_t>(-left, 0, kernel), end = std::clamp<int64_t>(width - left, before, kernel);
    std::fill_n(to, before * c, 0.0f);
    std::copy_n(line + (left + before) * c, (end - before) * c, to + before * c);
    std::fill_n(to + end * c, (kernel - end) * c, 0.0f);
    return;
  }
  for (int64_t kw = 0; kw < kernel; ++kw, to += c) {
    const int64_t v = left + kw * p.w.dilation[1];
    if (v < 0 || v >= width)
      std::fill_n(to, c, 0.0f);
    else
      std::copy_n(line + v * x.strides[2], c, to);
  }
}

// Row i of `columns` (k long) holds the window of pixel first + i.
void gather_rows(const Plan& p, const TensorView& x, int64_t first, int64_t count, float* columns, const float** rows) {
  const int64_t length = p.w.kernel[1] * x.size(3);
  Pixel pixel(p, first);
  for (int64_t i = 0; i < count; ++i, pixel.next()) {
    float* to = columns + i * p.k;
    rows[i] = to;
    for (int64_t kh = 0; kh < p.w.kernel[0]; ++kh, to += length) {
      const int64_t h = pixel.top() + kh * p.w.dilation[0];
      if (h < 0 || h >= x.size(1))
        std::fill_n(to, length, 0.0f);
      else
        gather_line(p, x, x.as<float>() + pixel.image() * x.strides[0] + h * x.strides[1], pixel.left(), to);
    }
  }
}

void run_chunk(const Plan& p, const Operands& o, const TensorView& x, int64_t first, int64_t count, int64_t p0, int64_t p1, std::byte* memory) {
  const int64_t taps = p.direct ? p.taps : 1, k = p.direct ? x.size(3) : p.k;
  auto** rows = reinterpret_cast<const float**>(memory);
  auto* data = reinterpret_cast<float*>(memory + static_cast<size_t>(taps * kChunk) * sizeof(float*));
  if (p.direct) {
    std::fill_n(data, k, 0.0f);
    point_rows(p, x, first, count, data, rows);
  } else {
    gather_rows(p, x, first, count, data, rows);
  }
  const float* bias = o.optional(2) ? o.optional(2)->as<float>() : nullptr;
  const float* residual = o.optional(3) ? o.optional(3)->as<float>() : nullptr;
  const int64_t at = first * p.channels;
  gemm::run(gemm::Product{static_cast<size_t>(count), static_cast<size_t>(p.channels), static_cast<size_t>(k), static_cast<size_t>(taps), rows,
                          o.in(1).as<float>(), o.out(0).as<float>() + at, static_cast<size_t>(p.channels),
                          {bias, residual ? residual + at : nullptr, p.activation, p.low, p.high}},
            static_cast<size_t>(p0), static_cast<size_t>(p1));
}

Error run(const void* state, const Operands& o, const KernelContext& context) {
  const auto& p = *static_cast<const Plan*>(state);
  if (p.pixels == 0) return {};
  TensorView x = o.in(0);
  if (p.image_bytes > 0) {
    auto* image = reinterpret_cast<float*>(context.scratch.data());
    interleave(x, image, context.pool);
    x.data = image;
    x.set_contiguous();
  }
  const int64_t panels = (p.channels + static_cast<int64_t>(kPanel) - 1) / static_cast<int64_t>(kPanel);
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1;
  // Chunks of whole blocks, small enough that every thread has some; where there are few pixels the
  // panels are split as well.
  const int64_t blocks = (p.pixels + static_cast<int64_t>(kRows) - 1) / static_cast<int64_t>(kRows);
  const int64_t chunk_blocks = std::clamp<int64_t>((blocks + threads - 1) / threads, 1, kBlocks);
  const int64_t chunks = (blocks + chunk_blocks - 1) / chunk_blocks;
  const int64_t groups = chunks >= threads * 2 ? 1 : std::min(panels, threads * 2);
  parallel(context.pool, static_cast<size_t>(chunks * groups), [&](size_t task, size_t worker) {
    const int64_t chunk = static_cast<int64_t>(task) / groups, group = static_cast<int64_t>(task) % groups;
    const int64_t first = chunk * chunk_blocks * static_cast<int64_t>(kRows);
    run_chunk(p, o, x, first, std::min(p.pixels - first, chunk_blocks * static_cast<int64_t>(kRows)), panels * group / groups,
              panels * (group + 1) / groups, context.scratch.data() + p.image_bytes + worker * p.thread_bytes);
  });
  return {};
}

}  // namespace

extern const Kernel kPackedConv2d;
const Kernel kPackedConv2d = {"portfire::packed_conv2d", sizeof(Plan), prepare, run};

}  // namespace portfire::conv
