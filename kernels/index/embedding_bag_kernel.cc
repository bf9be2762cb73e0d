// aten::_embedding_bag of rows that lie together: a bag's rows are summed in f32 or f64, side by side. What is
// wrong with a call, and maxima, the reference tells.
#include <algorithm>

#include "kernels/gemm/wide.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "ops/index_reader.h"
#include "ops/rows.h"

namespace portfire::index {
namespace {

constexpr int64_t kSum = 0, kMean = 1;
constexpr int64_t kMost = static_cast<int64_t>(pointwise::kStrip);

bool prepare(const Operands& o, void*, size_t*) {
  const Args a(o.args);
  const TensorView &table = o.in(0), &out = o.out(0);
  const int64_t mode = a.integer(4);
  if ((mode != kSum && mode != kMean) || !is_floating(table.dtype) || table.rank() != 2 || (table.size(1) > 1 && table.strides[1] != 1)) return false;
  return out.dtype == table.dtype && out.is_contiguous();
}

template <class T>
Error run_as(const Operands& o) {
  const Args a(o.args);
  const TensorView &table = o.in(0), &indices = o.in(1), &offsets = o.in(2), &out = o.out(0);
  const TensorView* weights = a.optional_tensor(6);
  const int64_t mode = a.integer(4), padding = a.integer(8, -1), columns = table.size(1), given = indices.size(0);
  const bool include_last = a.boolean(7);
  const int64_t bags = offsets.size(0) - (include_last && offsets.size(0) > 0);
  const ops::IndexReader offset(offsets, given + 1), index(indices, table.size(0));
  const auto add = gemm::wide_functions<T>().add_scaled;
  const pointwise::LoadFn load = pointwise::load_fn(table.dtype);
  const pointwise::StoreFn store = pointwise::store_fn(out.dtype);
  const bool direct = table.dtype == (sizeof(T) == 8 ? DType::f64 : DType::f32);
  const auto bytes = static_cast<int64_t>(byte_size(table.dtype));
  alignas(64) T sum[kMost], row[kMost];
  for (int k = 1; k < 4; ++k) ops::fill_view(o.out(static_cast<size_t>(k)), int64_t{0});
  for (int64_t b = 0; b < bags; ++b) {
    const int64_t begin = offset(b * offsets.strides[0]);
    const int64_t end = b + 1 < bags || include_last ? offset((b + 1) * offsets.strides[0]) : given;
    if (begin < 0 || begin > end || end > given)
      return Error::make(Code::bad_argument, "bag %lld has indices %lld to %lld of %lld", static_cast<long long>(b), static_cast<long long>(begin),
                         static_cast<long long>(end), static_cast<long long>(given));
    int64_t rows = 0;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = index(i * indices.strides[0]);
      if (!index.valid(n)) return index.out_of_range(n, 0);
      rows += n != padding;
      if (o.out(1).size(0) > 0) ops::store_int(o.out(1), i * o.out(1).strides[0], b);
    }
    for (int64_t c = 0; c < columns; c += kMost) {
      const int64_t count = std::min(kMost, columns - c);
      std::fill_n(sum, count, T(0));
      for (int64_t i = begin; i < end; ++i) {
        const int64_t n = index(i * indices.strides[0]);
        if (n == padding) continue;
        const std::byte* from = table.as<std::byte>() + (n * table.strides[0] + c) * bytes;
        if (!direct) load(row, from, 1, static_cast<size_t>(count));
        add(sum, weights ? static_cast<T>(ops::load_real(*weights, i * weights->strides[0])) : T(1), direct ? reinterpret_cast<const T*>(from) : row, count);
      }
      if (mode == kMean && rows > 0)
        for (int64_t j = 0; j < count; ++j) sum[j] /= static_cast<T>(rows);
      store(out.as<std::byte>() + (b * columns + c) * bytes, sum, 1, static_cast<size_t>(count));
    }
    // In PyTorch the sum needs no sizes and leaves them 0.
    if (mode != kMean) continue;
    ops::store_int(o.out(2), b * o.out(2).strides[0], rows);
    ops::store_int(o.out(3), b * o.out(3).strides[0], rows);
  }
  return {};
}

Error run(const void*, const Operands& o, const KernelContext&) { return o.in(0).dtype == DType::f64 ? run_as<double>(o) : run_as<float>(o); }

}  // namespace

extern const Kernel kEmbeddingBag;
const Kernel kEmbeddingBag = {"aten::_embedding_bag", 0, prepare, run};

}  // namespace portfire::index
