// Rows of tables of 8 or 4 bits, dequantized to f32 group by group.
#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/affine/rows.h"
#include "kernels/thread_pool.h"
#include "ops/affine_blocks.h"
#include "ops/index_reader.h"

namespace portfire::affine {
namespace {

int64_t groups_of(const TensorView& scales) { return scales.rank() == 2 ? scales.size(1) : 1; }

template <int bits>
bool prepare(const Operands& o, void*, size_t*) {
  const TensorView &weight = o.in(0), &out = o.out(0);
  return out.dtype == DType::f32 && out.is_contiguous() && o.in(5).is_contiguous() && weight.strides[1] == 1 &&
         out.size(out.rank() - 1) / groups_of(o.in(1)) % (8 / bits) == 0;
}

template <int bits>
Error run(const void*, const Operands& o, const KernelContext& context) {
  const TensorView &weight = o.in(0), &scales = o.in(1), *zeros = o.optional(2), &index = o.in(5), &out = o.out(0);
  const int64_t width = out.size(out.rank() - 1), groups = groups_of(scales), group = width / groups, count = index.numel();
  const ops::IndexReader read(index, weight.size(0));
  for (int64_t n = 0; n < count; ++n)
    if (const int64_t i = read(n); !read.valid(i)) return read.out_of_range(i, 0);
  const Functions& row = functions();
  const int64_t together = std::max<int64_t>(16384 / std::max<int64_t>(width, 1), 1);
  parallel(context.pool, static_cast<size_t>((count + together - 1) / together), [&](size_t task, size_t) {
    const int64_t begin = static_cast<int64_t>(task) * together;
    for (int64_t n = begin; n < std::min(count, begin + together); ++n) {
      const int64_t i = read(n);
      const auto* from = static_cast<const uint8_t*>(weight.data) + i * weight.strides[0];
      float* to = out.as<float>() + n * width;
      for (int64_t g = 0; g < groups; ++g, to += group) {
        const auto scale = static_cast<float>(ops::parameter(scales, i * groups + g));
        const float zero = zeros ? static_cast<float>(ops::parameter(*zeros, i * groups + g)) : 0.0f;
        const uint8_t* q = from + g * group * bits / 8;
        if (bits == 4)
          row.dequantize_u4(q, static_cast<size_t>(group), scale, zero, to);
        else if (weight.dtype == DType::i8)
          row.dequantize_i8(reinterpret_cast<const int8_t*>(q), static_cast<size_t>(group), scale, zero, to);
        else
          row.dequantize_u8(q, static_cast<size_t>(group), scale, zero, to);
      }
    }
  });
  return {};
}

}  // namespace

extern const Kernel kEmbeddingByte, kEmbeddingByteTo, kEmbedding4bit, kEmbedding4bitTo;
const Kernel kEmbeddingByte = {"quantized_decomposed::embedding_byte", 0, prepare<8>, run<8>};
const Kernel kEmbeddingByteTo = {"quantized_decomposed::embedding_byte.dtype", 0, prepare<8>, run<8>};
const Kernel kEmbedding4bit = {"quantized_decomposed::embedding_4bit", 0, prepare<4>, run<4>};
const Kernel kEmbedding4bitTo = {"quantized_decomposed::embedding_4bit.dtype", 0, prepare<4>, run<4>};

}  // namespace portfire::affine
