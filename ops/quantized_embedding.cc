#include "ops/quantized_embedding.h"

#include "ops/affine_blocks.h"
#include "ops/index_reader.h"

namespace portfire::ops::quantized_embedding {
namespace {

Error check(const Args& a, int bits, DType dtype, TensorSpec* out) {
  const TensorView &weight = a.tensor(0), &scales = a.tensor(1), *zeros = a.optional_tensor(2), &index = a.tensor(5);
  if (weight.rank() != 2 || (weight.dtype != DType::u8 && (bits < 8 || weight.dtype != DType::i8)))
    return Error::make(Code::bad_argument, "weight %s (expected a matrix of %s)", TypeText(weight).c_str(), bits < 8 ? "u8" : "u8 or i8");
  const int64_t width = weight.size(1) * (8 / bits), groups = scales.rank() == 2 ? scales.size(1) : 1;
  if (scales.rank() < 1 || scales.rank() > 2 || scales.size(0) != weight.size(0) || !is_floating(scales.dtype) || groups < 1 ||
      width % groups != 0)
    return Error::make(Code::bad_argument, "scales %s for weight %s", TypeText(scales).c_str(), TypeText(weight).c_str());
  if (zeros && (!(zeros->shape == scales.shape) || is_complex(zeros->dtype)))
    return Error::make(Code::bad_argument, "zero points %s for scales %s", TypeText(*zeros).c_str(), TypeText(scales).c_str());
  if (!is_floating(dtype)) return Error::make(Code::bad_argument, "dtype %s (expected a floating one)", name_of(dtype));
  PF_TRY(check_index_dtype(index));
  if (index.rank() >= kMaxRank) return Error::make(Code::bad_argument, "indices of rank %d", index.rank());
  Shape shape = index.shape;
  shape.push(width);
  *out = {dtype, shape};
  return {};
}

// Element `j` of the row that begins at `row`.
int64_t element(const TensorView& weight, int64_t row, int64_t j, int bits) {
  if (bits == 8) return load_int(weight, row + j * weight.strides[1]);
  const int each = 8 / bits, place = static_cast<int>(j % each);
  const int64_t byte = load_int(weight, row + j / each * weight.strides[1]);
  const int shift = bits == 4 ? 4 * (1 - place) : 2 * place;
  return (byte >> shift & ((1 << bits) - 1)) - (1 << (bits - 1));
}

Error look_up(const Args& a, int bits, const TensorView& y) {
  const TensorView &weight = a.tensor(0), &scales = a.tensor(1), *zeros = a.optional_tensor(2), &index = a.tensor(5);
  const int64_t width = weight.size(1) * (8 / bits), groups = scales.rank() == 2 ? scales.size(1) : 1, group =
      std::max<int64_t>(width / groups, 1);
  const IndexReader read(index, weight.size(0));
  const int last = y.rank() - 1;
  for (int64_t n = 0; n < index.numel(); ++n) {
    const int64_t i = read(leading_offset(index, index.rank(), n)), to = leading_offset(y, last, n);
    if (!read.valid(i)) return read.out_of_range(i, 0);
    for (int64_t j = 0; j < width; ++j) {
      const int64_t block = i * groups + j / group;
      const auto scale = static_cast<float>(parameter(scales, block)), zero = zeros ? static_cast<float>(parameter(*zeros, block)) : 0.0f;
      store_real(y, to + j * y.strides[last], (static_cast<float>(element(weight, i * weight.strides[0], j, bits)) - zero) * scale);
    }
  }
  return {};
}

}  // namespace

// Without a dtype of its own a result has the scales'.
#define PF_EMBEDDING(type, bits, dtype)                                                                                               \
  Error type::infer(const Args& a, std::span<TensorSpec> outs) { return check(a, bits, dtype, &outs[0]); }                            \
  Error type::reference(const Args& a, std::span<TensorView> outs) { return look_up(a, bits, outs[0]); }
PF_EMBEDDING(Byte, 8, a.tensor(1).dtype)
PF_EMBEDDING(ByteTo, 8, a.dtype(6, a.tensor(1).dtype))
PF_EMBEDDING(TwoBits, 2, a.tensor(1).dtype)
PF_EMBEDDING(TwoBitsTo, 2, a.dtype(6, a.tensor(1).dtype))
PF_EMBEDDING(FourBits, 4, a.tensor(1).dtype)
PF_EMBEDDING(FourBitsTo, 4, a.dtype(6, a.tensor(1).dtype))
#undef PF_EMBEDDING

}  // namespace portfire::ops::quantized_embedding
