#include "kernels/conv/implicit_gemm.h"

#include <algorithm>

namespace portfire::conv {
namespace {

using ops::packed_conv2d::Window;

constexpr int64_t kDirectChannels = 8;  // fewer are not worth a tap of their own
constexpr int64_t kWiden = 4;           // times that a frame may enlarge an image

// An output pixel and where its window begins in the input.
class Pixel {
 public:
  Pixel(const ImplicitGemm& p, int64_t index) : p_(p), n_(index / (p.oh * p.ow)), oh_(index / p.ow % p.oh), ow_(index % p.ow) {}
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
  const ImplicitGemm& p_;
  int64_t n_, oh_, ow_;
};

// rows[tap * count + i] for the pixels [first, first + count).
void point_rows(const ImplicitGemm& p, const TensorView& x, int64_t first, int64_t count, const float* zeros, const float** rows) {
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
  p.image_bytes = adjacent && !(p.lines && padded) ? 0 : static_cast<size_t>(x.size(0) * p.frame.height * p.frame.width * x.size(3) * 4 + 63) / 64 * 64;
  p.dense = p.taps == 1 && !p.lines && w.stride[0] == 1 && w.stride[1] == 1 && !padded && (p.image_bytes > 0 || x.is_contiguous());
  p.thread_bytes = (static_cast<size_t>(p.taps * kMostPixels) * sizeof(float*) + static_cast<size_t>(p.k) * sizeof(float) + 127) / 64 * 64;
  p.bf16 = packed.dtype == DType::bf16;
  if (p.bf16) p.thread_bytes += bf16_bytes(p);
  return true;
}

TensorView arrange(const ImplicitGemm& p, const TensorView& x, std::byte* image, ThreadPool* pool) {
  if (p.image_bytes == 0) return x;
  interleave(x, p.frame, reinterpret_cast<float*>(image), pool);
  TensorView y = x;
  y.data = image;
  y.shape.sizes[1] = p.frame.height;
  y.shape.sizes[2] = p.frame.width;
  y.set_contiguous();
  return y;
}

void run_pixels(const ImplicitGemm& p, const TensorView& x, const Weights& weights, int64_t first, int64_t count, int64_t p0, int64_t p1, float* to,
                std::byte* memory) {
  std::byte* const bf16_scratch = memory;
  if (p.bf16) memory += bf16_bytes(p);
  auto** rows = reinterpret_cast<const float**>(memory);
  auto* zeros = reinterpret_cast<float*>(memory + static_cast<size_t>(p.taps * kMostPixels) * sizeof(float*));
  std::fill_n(zeros, p.k, 0.0f);
  point_rows(p, x, first, count, zeros, rows);
  gemm::Product product{static_cast<size_t>(count), static_cast<size_t>(p.channels), static_cast<size_t>(p.k), static_cast<size_t>(p.taps), rows,
                        nullptr, to, static_cast<size_t>(p.channels), {weights.bias, weights.residual, p.activation, p.low, p.high}};
  if (p.bf16) return gemm::run(product, {static_cast<const uint16_t*>(weights.packed), bf16_scratch}, static_cast<size_t>(p0), static_cast<size_t>(p1));
  product.packed = static_cast<const float*>(weights.packed);
  gemm::run(product, static_cast<size_t>(p0), static_cast<size_t>(p1));
}

}  // namespace portfire::conv
