#include "kernels/conv/channels_last.h"

#include "kernels/thread_pool.h"

namespace portfire::conv {

void interleave(const TensorView& x, float* to, ThreadPool* pool) {
  const int64_t height = x.size(1), width = x.size(2), c = x.size(3);
  parallel(pool, static_cast<size_t>(x.size(0) * height), [&](size_t task, size_t) {
    const int64_t row = static_cast<int64_t>(task);
    const float* from = x.as<float>() + row / height * x.strides[0] + row % height * x.strides[1];
    for (int64_t k = 0; k < c; ++k)
      for (int64_t v = 0; v < width; ++v) to[(row * width + v) * c + k] = from[k * x.strides[3] + v * x.strides[2]];
  });
}

}  // namespace portfire::conv
