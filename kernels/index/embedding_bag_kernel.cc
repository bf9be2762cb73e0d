// aten::_embedding_bag of rows that lie together: a bag's rows are summed, or compared, in f32 or f64, side by side.
#include <algorithm>
#include <limits>

#include "kernels/index/bags.h"
#include "kernels/index/walk.h"
#include "kernels/kernel.h"
#include "kernels/pointwise/steps.h"
#include "ops/index_reader.h"
#include "ops/rows.h"

namespace portfire::index {
namespace {

constexpr int64_t kSum = 0, kMean = 1, kMax = 2;
constexpr int64_t kMost = static_cast<int64_t>(pointwise::kStrip);  // columns at a time
constexpr int64_t kRows = 256;                                      // at a time

bool prepare(const Operands& o, void*, size_t*) {
  const TensorView &table = o.in(0), &out = o.out(0);
  if (!is_index(o.in(1)) || !is_floating(table.dtype) || table.rank() != 2 || (table.size(1) > 1 && table.strides[1] != 1)) return false;
  if (Args(o.args).integer(4) == kMax && table.size(0) > std::numeric_limits<int32_t>::max()) return false;
  return out.dtype == table.dtype && out.is_contiguous() && o.out(3).is_contiguous();
}

// n elements of an i64 or i32 tensor, from `at` on.
template <class F>
void put(const TensorView& to, int64_t at, int64_t n, F value) {
  const int64_t step = to.rank() == 1 ? to.strides[0] : 1;
  if (to.dtype == DType::i64)
    for (int64_t j = 0; j < n; ++j) to.as<int64_t>()[(at + j) * step] = value(j);
  else
    for (int64_t j = 0; j < n; ++j) to.as<int32_t>()[(at + j) * step] = static_cast<int32_t>(value(j));
}

// The numbers of a bag's rows that are no padding, with their weights, a piece at a time.
template <class T>
class BagNumbers {
 public:
  BagNumbers(const TensorView& indices, const TensorView* weights, int64_t limit, int64_t padding)
      : indices_(indices), weights_(weights), limit_(limit), padding_(padding) {
    if (weights) load_ = pointwise::load_fn(weights->dtype);
    in_place_ = padding < 0 && indices.dtype == DType::i64 && indices.is_contiguous() && all_below(indices.as<const int64_t>(), indices.size(0), limit);
  }
  // Of indices [begin, end), at most kRows. Gives where one is out of range, or -1.
  int64_t read(int64_t begin, int64_t end) {
    if (weights_)
      load_(loaded_, weights_->as<std::byte>() + begin * weights_->strides[0] * static_cast<int64_t>(byte_size(weights_->dtype)), weights_->strides[0],
            static_cast<size_t>(end - begin));
    if (in_place_) {
      from_ = indices_.as<const int64_t>() + begin;
      by_ = weights_ ? loaded_ : nullptr;
      count_ = static_cast<size_t>(end - begin);
      known_ = static_cast<size_t>(indices_.size(0) - begin);
      return -1;
    }
    from_ = numbers_;
    by_ = weights_ ? kept_ : nullptr;
    return indices_.dtype == DType::i64 ? read_as<int64_t>(begin, end) : read_as<int32_t>(begin, end);
  }
  BagRows<T> rows(const void* table, int64_t stride, int64_t columns) const {
    return {table, stride, from_, by_, count_, static_cast<size_t>(columns), known_};
  }
  size_t count() const { return count_; }

 private:
  template <class I>
  int64_t read_as(int64_t begin, int64_t end) {
    const int64_t step = indices_.strides[0];
    count_ = 0;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = indices_.as<const I>()[i * step];
      if (static_cast<uint64_t>(n) >= static_cast<uint64_t>(limit_)) return i;
      numbers_[count_] = n;
      if (weights_) kept_[count_] = loaded_[i - begin];
      count_ += n != padding_;
    }
    return -1;
  }

  const TensorView& indices_;
  const TensorView* weights_;
  int64_t limit_, padding_;
  bool in_place_;  // no number is wrong or to be left out
  size_t count_ = 0, known_ = 0;
  pointwise::LoadFn load_ = nullptr;
  const int64_t* from_ = nullptr;
  const T* by_ = nullptr;
  int64_t numbers_[kRows];
  alignas(64) T kept_[kRows], loaded_[kRows];
};

template <class T>
Error run_as(const Operands& o) {
  const Args a(o.args);
  const TensorView &table = o.in(0), &indices = o.in(1), &offsets = o.in(2), &out = o.out(0);
  const int64_t mode = a.integer(4), columns = table.size(1), given = indices.size(0);
  const bool include_last = a.boolean(7);
  const int64_t bags = offsets.size(0) - (include_last && offsets.size(0) > 0);
  const ops::IndexReader offset(offsets, given + 1);
  BagNumbers<T> numbers(indices, a.optional_tensor(6), table.size(0), a.integer(8, -1));
  const auto bytes = static_cast<int64_t>(byte_size(table.dtype));
  const auto load = pointwise::load_fn(table.dtype);
  const auto store = pointwise::store_fn(out.dtype);
  const BagFunctions<T> whole = bag_functions<T>(table.dtype), loaded = bag_functions<T>(sizeof(T) == 8 ? DType::f64 : DType::f32);
  const bool direct = byte_size(out.dtype) == sizeof(T);
  alignas(64) T strip[kMost], row[kMost];
  alignas(64) Number<T> from[kMost];

  const auto each = [&](const BagRows<T>& r, auto f) {
    if (whole.sum) return f(whole, r);
    for (size_t i = 0; i < r.count; ++i) {
      load(row, static_cast<const std::byte*>(r.table) + r.numbers[i] * r.stride * bytes, 1, r.columns);
      f(loaded, BagRows<T>{row, 0, r.numbers + i, r.weights ? r.weights + i : nullptr, 1, r.columns, 0});
    }
  };
  for (int k = 1; k < 4; ++k) ops::fill_view(o.out(static_cast<size_t>(k)), int64_t{0});
  for (int64_t b = 0; b < bags; ++b) {
    const int64_t begin = offset(b * offsets.strides[0]);
    const int64_t end = b + 1 < bags || include_last ? offset((b + 1) * offsets.strides[0]) : given;
    if (begin < 0 || begin > end || end > given)
      return Error::make(Code::bad_argument, "bag %lld has indices %lld to %lld of %lld", static_cast<long long>(b), static_cast<long long>(begin),
                         static_cast<long long>(end), static_cast<long long>(given));
    if (o.out(1).size(0) > 0) put(o.out(1), begin, end - begin, [&](int64_t) { return b; });
    int64_t rows = 0;
    for (int64_t c = 0; c < std::max<int64_t>(columns, 1); c += kMost) {
      const int64_t count = std::min(kMost, columns - c);
      std::byte* to = out.as<std::byte>() + (b * columns + c) * bytes;
      T* totals = direct ? reinterpret_cast<T*>(to) : strip;
      rows = 0;
      for (int64_t i = begin; i < end; i += kRows) {
        if (const int64_t bad = numbers.read(i, std::min(end, i + kRows)); bad >= 0) {
          const ops::IndexReader reader(indices, table.size(0));
          return reader.out_of_range(reader(bad * indices.strides[0]), 0);
        }
        if (numbers.count() == 0) continue;
        each(numbers.rows(table.as<std::byte>() + c * bytes, table.strides[0], count), [&](const BagFunctions<T>& f, const BagRows<T>& r) {
          mode == kMax ? f.maximum(totals, from, r, rows > 0) : f.sum(totals, r, rows > 0);
          rows += static_cast<int64_t>(r.count);
        });
      }
      if (rows == 0) {
        std::fill_n(totals, count, T(0));
        std::fill_n(from, count, Number<T>(0));
      } else if (mode == kMean) {
        for (int64_t j = 0; j < count; ++j) totals[j] *= T(1) / static_cast<T>(rows);
      }
      if (!direct) store(to, totals, 1, static_cast<size_t>(count));
      if (mode == kMax) put(o.out(3), b * columns + c, count, [&](int64_t j) { return from[j]; });
    }
    // In PyTorch the sum needs no sizes and leaves them 0.
    if (mode != kSum) put(o.out(2), b, 1, [&](int64_t) { return rows; });
    if (mode == kMean) put(o.out(3), b, 1, [&](int64_t) { return rows; });
  }
  return {};
}

Error run(const void*, const Operands& o, const KernelContext&) { return o.in(0).dtype == DType::f64 ? run_as<double>(o) : run_as<float>(o); }

}  // namespace

extern const Kernel kEmbeddingBag;
const Kernel kEmbeddingBag = {"aten::_embedding_bag", 0, prepare, run};

}  // namespace portfire::index
