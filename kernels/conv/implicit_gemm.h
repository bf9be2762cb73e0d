// A convolution with packed weights (ops/packed_conv2d.h) as an implicit matrix product: rows are output pixels, and for
// each kernel tap the micro-kernel reads its rows of A where they lie in the input (padding reads a row of zeros). Where
// channels are few, a row of the kernel is one tap: its pixels lie side by side, once the input has a frame of zeros.
// Where channels are not adjacent, all of the input is put into channels-last order before; where products are of bf16 and
// several taps read a pixel, all of it is rounded before.
#pragma once

#include <cstddef>

#include "kernels/conv/channels_last.h"
#include "kernels/gemm/bf16.h"
#include "kernels/gemm/gemm.h"
#include "ops/packed_conv2d.h"

namespace portfire::conv {

struct ImplicitGemm {
  ops::packed_conv2d::Window w;
  int64_t oh, ow, pixels, channels, taps, k;  // pixels: of the whole batch; taps of k elements
  bool lines;   // a tap is a row of the kernel
  bool dense;   // each output pixel is a product of the input's pixel at the same place
  Frame frame;  // of the input in its other order
  gemm::Activation activation;
  float low, high;
  bool bf16, rounds;                 // weights are of it; the input becomes it
  size_t thread_bytes, image_bytes;  // of scratch: for each thread, and for the input as run_pixels wants it
  size_t frame_bytes;                // of image_bytes, for the input in another order
};

// Pixels that run_pixels takes at most.
inline constexpr int64_t kMostPixels = 16 * static_cast<int64_t>(gemm::kRows);

// x and out: shapes and strides count, data may be missing; out is contiguous. False where the products know no such activation.
bool plan_implicit_gemm(const TensorView& x, const TensorView& packed, const TensorView& out, const ops::packed_conv2d::Window& w, const ops::packed_conv2d::Finish& f,
                        ImplicitGemm* plan);

// The input as run_pixels wants it, of dtype bf16 where it is rounded; `image`: image_bytes of memory.
TensorView arrange(const ImplicitGemm& p, const TensorView& x, std::byte* image, ThreadPool* pool);

struct Weights {
  const void* packed;
  const float *bias, *residual;  // residual: of the first pixel, or null
};
// Panels [p0, p1) of output pixels [first, first + count), to `to` and on. `memory`: thread_bytes.
void run_pixels(const ImplicitGemm& p, const TensorView& x, const Weights& weights, int64_t first, int64_t count, int64_t p0, int64_t p1, float* to,
                std::byte* memory);

}  // namespace portfire::conv
