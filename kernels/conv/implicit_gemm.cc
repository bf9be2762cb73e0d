#include "kernels/conv/implicit_gemm.h"

#include <algorithm>

#include "kernels/gemm/pairs.h"
#include "kernels/isa.h"
#include "kernels/thread_pool.h"

namespace portfire::conv {
namespace {

using ops::packed_conv2d::Window;

constexpr int64_t kDirectChannels = 8;  // fewer are not worth a tap of their own
constexpr int64_t kWiden = 4;           // times that a frame may enlarge an image

struct Inside {
  int64_t begin, end;
};
// Of columns [c0, c1), those whose pixels [column * stride + offset, + width) lie in [0, size).
Inside inside(int64_t c0, int64_t c1, int64_t stride, int64_t offset, int64_t width, int64_t size) {
  const int64_t low = offset >= 0 ? 0 : (-offset + stride - 1) / stride, room = size - width - offset;
  const int64_t begin = std::clamp(low, c0, c1);
  return {begin, room < 0 ? begin : std::clamp(room / stride + 1, begin, c1)};
}

// rows[tap * count + i] for the pixels [first, first + count), of T's: a row of output pixels after the other, of it a tap.
template <class T>
void point_rows(const ImplicitGemm& p, const TensorView& x, int64_t first, int64_t count, const T* zeros, const T** rows) {
  if (p.dense) {
    const T* from = x.as<T>() + first * x.size(3);
    for (int64_t i = 0; i < count; ++i) rows[i] = from + i * x.size(3);
    return;
  }
  const int64_t across = p.lines ? 1 : p.w.kernel[1], width = p.lines ? p.w.kernel[1] : 1;
  for (int64_t done = 0; done < count;) {
    const int64_t row = (first + done) / p.ow, column = (first + done) % p.ow, end = std::min(p.ow, column + count - done);
    const int64_t n = row / p.oh, top = row % p.oh * p.w.stride[0] - p.w.padding[0] + p.frame.top;
    const T** to = rows + done;
    for (int64_t kh = 0; kh < p.w.kernel[0]; ++kh) {
      const int64_t h = top + kh * p.w.dilation[0];
      for (int64_t kw = 0; kw < across; ++kw, to += count) {
        const int64_t left = kw * p.w.dilation[1] - p.w.padding[1] + p.frame.left, step = p.w.stride[1] * x.strides[2];
        const Inside in = h >= 0 && h < x.size(1) ? inside(column, end, p.w.stride[1], left, width, x.size(2)) : Inside{end, end};
        const int64_t from = n * x.strides[0] + h * x.strides[1] + left * x.strides[2];
        std::fill(to, to + (in.begin - column), zeros);
        for (int64_t i = in.begin; i < in.end; ++i) to[i - column] = x.as<T>() + (from + i * step);
        std::fill(to + (in.end - column), to + (end - column), zeros);
      }
    }
    done += end - column;
  }
}

size_t bf16_bytes(const ImplicitGemm& p) { return gemm::bf16_scratch_bytes(static_cast<size_t>(std::min(p.pixels, kMostPixels))); }

}  // namespace

bool plan_implicit_gemm(const TensorView& x, const TensorView& packed, const TensorView& out, const Window& w, const ops::packed_conv2d::Finish& f, ImplicitGemm* plan) {
  ImplicitGemm& p = *plan;
  if (!gemm::parse_activation(f.activation, &p.activation) && f.activation != "clamp") return false;
  p.w = w;
  p.low = static_cast<float>(f.low);
  p.high = static_cast<float>(f.high);
  p.oh = out.size(1);
  p.ow = out.size(2);
  p.pixels = out.size(0) * p.oh * p.ow;
  p.channels = out.size(3);
  const int64_t reach[] = {(w.kernel[0] - 1) * w.dilation[0] + 1, (w.kernel[1] - 1) * w.dilation[1] + 1};
  const Frame whole = {0, 0, x.size(1), x.size(2)},
              framed = {w.padding[0], w.padding[1], (p.oh - 1) * w.stride[0] + reach[0], (p.ow - 1) * w.stride[1] + reach[1]};
  const bool padded = w.padding[0] != 0 || w.padding[1] != 0 || w.padding[2] != 0 || w.padding[3] != 0;
  p.lines = x.size(3) < kDirectChannels && w.kernel[1] > 1 && w.dilation[1] == 1 &&
            (!padded || framed.height * framed.width / kWiden <= x.size(1) * x.size(2));
  p.taps = w.kernel[0] * (p.lines ? 1 : w.kernel[1]);
  p.k = x.size(3) * (p.lines ? w.kernel[1] : 1);
  const bool adjacent = (x.strides[3] == 1 || x.size(3) == 1) && (!p.lines || x.strides[2] == x.size(3));
  p.frame = p.lines && padded ? framed : whole;
  const auto framed_size = static_cast<size_t>(x.size(0) * p.frame.height * p.frame.width * x.size(3));
  p.frame_bytes = adjacent && !(p.lines && padded) ? 0 : whole_lines(framed_size * sizeof(float));
  p.dense = p.taps == 1 && !p.lines && w.stride[0] == 1 && w.stride[1] == 1 && !padded && (p.frame_bytes > 0 || x.is_contiguous());
  p.thread_bytes = whole_lines(static_cast<size_t>(p.taps * kMostPixels) * sizeof(float*) + (static_cast<size_t>(p.k) + gemm::kReadPast) * sizeof(float));
  p.bf16 = packed.dtype == DType::bf16;
  p.rounds = p.bf16 && p.w.kernel[0] * p.w.kernel[1] > 1 && multiplies_bf16();
  p.image_bytes = p.frame_bytes + (p.rounds ? whole_lines((framed_size + gemm::kReadPast) * sizeof(uint16_t)) : 0);
  if (p.bf16) p.thread_bytes += bf16_bytes(p);
  return true;
}

namespace {

// All of x, whose channels are adjacent, in bf16.
TensorView round_image(const TensorView& x, uint16_t* to, ThreadPool* pool) {
  const gemm::PairUnit& unit = *gemm::pair_unit();
  const int64_t line = x.size(2) * x.size(3), pixel = x.size(3), rows = x.size(0) * x.size(1);
  parallel(pool, static_cast<size_t>(rows), [&](size_t row, size_t) {
    const int64_t n = static_cast<int64_t>(row) / x.size(1), h = static_cast<int64_t>(row) % x.size(1);
    const float* from = x.as<float>() + n * x.strides[0] + h * x.strides[1];
    uint16_t* const out = to + static_cast<int64_t>(row) * line;
    if (x.strides[2] == pixel) return unit.round(from, static_cast<size_t>(line), out);
    for (int64_t v = 0; v < x.size(2); ++v) unit.round(from + v * x.strides[2], static_cast<size_t>(pixel), out + v * pixel);
  });
  std::fill_n(to + rows * line, gemm::kReadPast, uint16_t{0});
  TensorView y = x;
  y.data = to;
  y.dtype = DType::bf16;
  y.set_contiguous();
  return y;
}

}  // namespace

TensorView arrange(const ImplicitGemm& p, const TensorView& x, std::byte* image, ThreadPool* pool) {
  TensorView y = x;
  if (p.frame_bytes > 0) {
    interleave(x, p.frame, reinterpret_cast<float*>(image), pool);
    y.data = image;
    y.shape.sizes[1] = p.frame.height;
    y.shape.sizes[2] = p.frame.width;
    y.set_contiguous();
  }
  return p.rounds ? round_image(y, reinterpret_cast<uint16_t*>(image + p.frame_bytes), pool) : y;
}

void run_pixels(const ImplicitGemm& p, const TensorView& x, const Weights& weights, int64_t first, int64_t count, int64_t p0, int64_t p1, float* to,
                std::byte* memory) {
  std::byte* const bf16_scratch = memory;
  if (p.bf16) memory += bf16_bytes(p);
  auto** rows = reinterpret_cast<const float**>(memory);
  auto* zeros = reinterpret_cast<float*>(memory + static_cast<size_t>(p.taps * kMostPixels) * sizeof(float*));
  std::fill_n(zeros, p.k + static_cast<int64_t>(gemm::kReadPast), 0.0f);
  auto** rounded = reinterpret_cast<const uint16_t**>(rows);
  if (p.rounds)
    point_rows(p, x, first, count, reinterpret_cast<const uint16_t*>(zeros), rounded);
  else
    point_rows(p, x, first, count, zeros, rows);
  gemm::Product product{static_cast<size_t>(count), static_cast<size_t>(p.channels), static_cast<size_t>(p.k), static_cast<size_t>(p.taps), rows,
                        nullptr, to, static_cast<size_t>(p.channels), {weights.bias, weights.residual, p.activation, p.low, p.high}};
  if (p.dense) product.row_step = static_cast<size_t>(x.size(3));
  if (p.bf16) {
    const gemm::Bf16Weights w{static_cast<const uint16_t*>(weights.packed), bf16_scratch, 0, p.rounds ? rounded : nullptr};
    return gemm::run(product, w, static_cast<size_t>(p0), static_cast<size_t>(p1));
  }
  product.packed = static_cast<const float*>(weights.packed);
  gemm::run(product, static_cast<size_t>(p0), static_cast<size_t>(p1));
}

}  // namespace portfire::conv
