// portfire::packed_conv2d as an implicit matrix product: rows are output pixels, and for each kernel
// tap the micro-kernel reads its rows of A where they lie in the input (padding reads a row of zeros).
// Where channels are few, a row of the kernel is one tap: its pixels lie side by side, once the input has a
// frame of zeros. Where channels are not adjacent, all of the input is put into channels-last order before.
#include <algorithm>

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
constexpr int64_t kDirectChannels = 8;  // fewer are not worth a tap of their own
constexpr int64_t kWiden = 4;           // times that a frame may enlarge an image

struct Plan {
  Window w;
  int64_t oh, ow, pixels, channels, taps, k;  // pixels: of the whole batch; taps of k elements
  bool lines;  // a tap is a row of the kernel
  bool dense;  // each output pixel is a product of the input's pixel at the same place
  Frame frame;  // of the input in its other order
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
  const int64_t reach[] = {(p.w.kernel[0] - 1) * p.w.dilation[0] + 1, (p.w.kernel[1] - 1) * p.w.dilation[1] + 1};
  const Frame whole = {0, 0, x.size(1), x.size(2)}, framed = {p.w.padding[0], p.w.padding[1], (p.oh - 1) * p.w.stride[0] + reach[0], (p.ow - 1) * p.w.stride[1] + reach[1]};
  const bool padded = p.w.padding[0] != 0 || p.w.padding[1] != 0;
  p.lines = x.size(3) < kDirectChannels && p.w.kernel[1] > 1 && p.w.dilation[1] == 1 &&
            (!padded || framed.height * framed.width / kWiden <= x.size(1) * x.size(2));
  p.taps = p.w.kernel[0] * (p.lines ? 1 : p.w.kernel[1]);
  p.k = x.size(3) * (p.lines ? p.w.kernel[1] : 1);
  const bool adjacent = (x.strides[3] == 1 || x.size(3) == 1) && (!p.lines || x.strides[2] == x.size(3));
  p.frame = p.lines && padded ? framed : whole;
  p.image_bytes = adjacent && !(p.lines && padded) ? 0 : static_cast<size_t>(x.size(0) * p.frame.height * p.frame.width * x.size(3) * 4 + 63) / 64 * 64;
  p.dense = p.taps == 1 && !p.lines && p.w.stride[0] == 1 && p.w.stride[1] == 1 && !padded && (p.image_bytes > 0 || x.is_contiguous());
  p.thread_bytes = (static_cast<size_t>(p.taps * kChunk) * sizeof(float*) + static_cast<size_t>(p.k) * sizeof(float) + 127) / 64 * 64;
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
  const int64_t across = p.lines ? 1 : p.w.kernel[1], width = p.lines ? p.w.kernel[1] : 1;
  Pixel pixel(p, first);
  for (int64_t i = 0; i < count; ++i, pixel.next()) {
    const float** to = rows + i;
    const float* image = x.as<float>() + pixel.image() * x.strides[0];
    for (int64_t kh = 0; kh < p.w.kernel[0]; ++kh) {
      const int64_t h = pixel.top() + kh * p.w.dilation[0] + p.frame.top;
      for (int64_t kw = 0; kw < across; ++kw, to += count) {
        const int64_t v = pixel.left() + kw * p.w.dilation[1] + p.frame.left;
        const bool inside = h >= 0 && h < x.size(1) && v >= 0 && v + width <= x.size(2);
        *to = inside ? image + h * x.strides[1] + v * x.strides[2] : zeros;
      }
    }
  }
}

void run_chunk(const Plan& p, const Operands& o, const TensorView& x, int64_t first, int64_t count, int64_t p0, int64_t p1, std::byte* memory) {
  auto** rows = reinterpret_cast<const float**>(memory);
  auto* zeros = reinterpret_cast<float*>(memory + static_cast<size_t>(p.taps * kChunk) * sizeof(float*));
  std::fill_n(zeros, p.k, 0.0f);
  point_rows(p, x, first, count, zeros, rows);
  const float* bias = o.optional(2) ? o.optional(2)->as<float>() : nullptr;
  const float* residual = o.optional(3) ? o.optional(3)->as<float>() : nullptr;
  const int64_t at = first * p.channels;
  gemm::run(gemm::Product{static_cast<size_t>(count), static_cast<size_t>(p.channels), static_cast<size_t>(p.k), static_cast<size_t>(p.taps), rows,
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
    interleave(x, p.frame, image, context.pool);
    x.data = image;
    x.shape.sizes[1] = p.frame.height;
    x.shape.sizes[2] = p.frame.width;
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
