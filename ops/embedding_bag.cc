#include "ops/embedding_bag.h"

#include <initializer_list>

#include "ops/index_reader.h"
#include "ops/rows.h"

namespace portfire::ops::embedding_bag {
namespace {

constexpr int64_t kSum = 0, kMean = 1, kMax = 2;

Shape shape_of(std::initializer_list<int64_t> sizes) {
  Shape s;
  for (int64_t n : sizes) s.push(n);
  return s;
}

struct Bags {
  int64_t count;
  IndexReader offset, index;
  int64_t offset_step, index_step, indices;

  Bags(const TensorView& indices_, const TensorView& offsets, int64_t rows, bool include_last)
      : count(offsets.size(0) - (include_last && offsets.size(0) > 0)),
        offset(offsets, indices_.size(0) + 1),
        index(indices_, rows),
        offset_step(offsets.strides[0]),
        index_step(indices_.strides[0]),
        indices(indices_.size(0)) {}
  int64_t begin(int64_t b) const { return offset(b * offset_step); }
  int64_t end(int64_t b, bool include_last) const {
    return b + 1 < count || include_last ? offset((b + 1) * offset_step) : indices;
  }
};

}  // namespace

Error EmbeddingBag::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &table = a.tensor(0), &indices = a.tensor(1), &offsets = a.tensor(2);
  const TensorView* weights = a.optional_tensor(6);
  const int64_t mode = a.integer(4);
  PF_TRY(check_index_dtype(indices));
  PF_TRY(check_index_dtype(offsets));
  if (table.rank() != 2 || indices.rank() != 1 || offsets.rank() != 1 || mode < 0 || mode > 2)
    return Error::make(Code::bad_argument, "table %s, indices %s, offsets %s, mode %lld", TypeText(table).c_str(),
                       TypeText(indices).c_str(), TypeText(offsets).c_str(), static_cast<long long>(mode));
  if (weights && (mode != kSum || weights->shape != indices.shape || weights->dtype != table.dtype))
    return Error::make(Code::bad_argument, "per_sample_weights %s (expected one for each index, mode sum)",
                       TypeText(*weights).c_str());
  if (a.boolean(7) && offsets.size(0) < 1) return Error::make(Code::bad_argument, "include_last_offset without offsets");
  const int64_t bags = offsets.size(0) - a.boolean(7);
  outs[0] = {table.dtype, shape_of({bags, table.size(1)})};
  outs[1] = {indices.dtype, shape_of({mode == kSum && a.integer(8, -1) < 0 ? 0 : indices.size(0)})};
  outs[2] = {indices.dtype, shape_of({bags})};
  outs[3] = {indices.dtype, mode == kMax ? outs[0].shape : shape_of({bags})};
  return {};
}

Error EmbeddingBag::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &table = a.tensor(0), &out = outs[0];
  const TensorView* weights = a.optional_tensor(6);
  const int64_t mode = a.integer(4), padding = a.integer(8, -1), columns = table.size(1);
  const bool include_last = a.boolean(7);
  const Bags bags(a.tensor(1), a.tensor(2), table.size(0), include_last);
  for (int k = 1; k < 4; ++k) fill_view(outs[k], int64_t{0});
  for (int64_t b = 0; b < bags.count; ++b) {
    const int64_t begin = bags.begin(b), end = bags.end(b, include_last);
    if (begin < 0 || begin > end || end > bags.indices)
      return Error::make(Code::bad_argument, "bag %lld has indices %lld to %lld of %lld", static_cast<long long>(b),
                         static_cast<long long>(begin), static_cast<long long>(end), static_cast<long long>(bags.indices));
    int64_t rows = 0;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = bags.index(i * bags.index_step);
      if (!bags.index.valid(row)) return bags.index.out_of_range(row, 0);
      rows += row != padding;
      if (outs[1].size(0) > 0) store_int(outs[1], i * outs[1].strides[0], b);
    }
    for (int64_t c = 0; c < columns; ++c) {
      double value = 0;
      int64_t seen = 0, most = 0;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = bags.index(i * bags.index_step);
        if (row == padding) continue;
        double x = load_real(table, row * table.strides[0] + c * table.strides[1]);
        if (weights) x *= load_real(*weights, i * weights->strides[0]);
        if (mode != kMax) {
          value += x;
        } else if (seen == 0 || x > value || x != x) {
          value = x;
          most = row;
        }
        ++seen;
      }
      if (mode == kMean && rows > 0) value /= static_cast<double>(rows);
      store_real(out, b * out.strides[0] + c * out.strides[1], value);
      if (mode == kMax) store_int(outs[3], b * outs[3].strides[0] + c * outs[3].strides[1], most);
    }
    // In PyTorch the sum needs no sizes and leaves them 0.
    if (mode != kSum) {
      store_int(outs[2], b * outs[2].strides[0], rows);
      if (mode == kMean) store_int(outs[3], b * outs[3].strides[0], rows);
    }
  }
  return {};
}

Error EmbeddingDenseBackward::infer(const Args& a, std::span<TensorSpec> outs) {
  const TensorView &grad = a.tensor(0), &indices = a.tensor(1);
  PF_TRY(check_index_dtype(indices));
  bool fits = grad.rank() == indices.rank() + 1 && a.integer(2) >= 0;
  for (int d = 0; fits && d < indices.rank(); ++d) fits = grad.size(d) == indices.size(d);
  if (!fits)
    return Error::make(Code::bad_argument, "gradient %s of indices %s", TypeText(grad).c_str(), TypeText(indices).c_str());
  outs[0] = {grad.dtype, shape_of({a.integer(2), grad.size(grad.rank() - 1)})};
  return {};
}

// How often each row was looked up.
size_t EmbeddingDenseBackward::scratch(const Args& a) {
  return a.boolean(4) ? static_cast<size_t>(a.integer(2)) * sizeof(int64_t) : 0;
}

Error EmbeddingDenseBackward::reference(const Args& a, std::span<TensorView> outs) {
  const TensorView &grad = a.tensor(0), &indices = a.tensor(1), &out = outs[0];
  const int64_t rows = a.integer(2), padding = a.integer(3);
  const IndexReader read(indices, rows);
  auto* count = a.boolean(4) ? reinterpret_cast<int64_t*>(a.context().scratch.data()) : nullptr;
  fill_view(out, int64_t{0});
  for (int64_t r = 0; count && r < rows; ++r) count[r] = 0;
  for (Index i(indices.shape); count && i.valid(); i.next()) {
    const int64_t row = read(i.offset(indices));
    if (read.valid(row)) ++count[row];
  }
  const int last = grad.rank() - 1;
  for (Index i(indices.shape); i.valid(); i.next()) {
    const int64_t row = read(i.offset(indices));
    if (row == padding) continue;
    if (!read.valid(row)) return read.out_of_range(row, 0);
    int64_t from = 0;
    for (int d = 0; d < last; ++d) from += i[d] * grad.strides[d];
    const double scale = count ? 1 / static_cast<double>(count[row]) : 1;
    for (int64_t c = 0; c < out.size(1); ++c) {
      const int64_t to = row * out.strides[0] + c * out.strides[1];
      store_real(out, to, load_real(out, to) + scale * load_real(grad, from + c * grad.strides[last]));
    }
  }
  return {};
}

}  // namespace portfire::ops::embedding_bag
