// aten::embedding_dense_backward in f32: zeros, to which the rows of the gradient are added in their order. Threads share the
// table's rows, so that each sum is made by one of them.
#include <algorithm>
#include <cstring>

#include "kernels/gemm/wide.h"
#include "kernels/kernel.h"
#include "kernels/thread_pool.h"
#include "ops/index_reader.h"

namespace portfire::index {
namespace {

constexpr int64_t kGrain = 64 << 10;  // elements for each thread at least

bool prepare(const Operands& o, void*, size_t*) {
  const TensorView &grad = o.in(0), &indices = o.in(1), &out = o.out(0);
  return grad.dtype == DType::f32 && out.dtype == DType::f32 && grad.is_contiguous() && out.is_contiguous() && indices.is_contiguous() && !Args(o.args).boolean(4) && out.size(1) > 0;
}

Error run(const void*, const Operands& o, const KernelContext& context) {
  static const auto add_scaled = gemm::wide_functions<float>().add_scaled;
  const Args a(o.args);
  const TensorView &grad = o.in(0), &out = o.out(0);
  const int64_t rows = out.size(0), width = out.size(1), count = o.in(1).numel(), padding = a.integer(3);
  const ops::IndexReader read(o.in(1), rows);
  for (int64_t i = 0; i < count; ++i)
    if (const int64_t row = read(i); row != padding && !read.valid(row)) return read.out_of_range(row, 0);
  const int64_t threads = context.pool ? static_cast<int64_t>(context.pool->threads()) : 1, tasks = std::clamp<int64_t>((rows + count) * width / kGrain, 1, threads * 2);
  parallel(context.pool, static_cast<size_t>(tasks), [&](size_t t, size_t) {
    const int64_t first = rows * static_cast<int64_t>(t) / tasks, end = rows * static_cast<int64_t>(t + 1) / tasks;
    float* const to = out.as<float>();
    std::memset(to + first * width, 0, static_cast<size_t>((end - first) * width) * sizeof(float));
    for (int64_t i = 0; i < count; ++i)
      if (const int64_t row = read(i); row >= first && row < end && row != padding) add_scaled(to + row * width, 1, grad.as<float>() + i * width, width);
  });
  return {};
}

}  // namespace

extern const Kernel kEmbeddingBackward;
const Kernel kEmbeddingBackward = {"aten::embedding_dense_backward", 0, prepare, run};

}  // namespace portfire::index
