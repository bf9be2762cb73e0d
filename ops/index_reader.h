// Indices of tensors that index others: i64 or i32, checked against the dimension they choose from.
#pragma once

#include "ops/element.h"

namespace portfire::ops {

class IndexReader {
 public:
  IndexReader(const TensorView& index, int64_t limit) : index_(index), limit_(limit) {}
  int64_t operator()(int64_t offset) const {
    return index_.dtype == DType::i64 ? index_.as<int64_t>()[offset] : load_int(index_, offset);
  }
  // Negative ones count from the back.
  int64_t wrapped(int64_t offset) const {
    const int64_t i = (*this)(offset);
    return i < 0 ? i + limit_ : i;
  }
  bool valid(int64_t i) const { return i >= 0 && i < limit_; }
  Error out_of_range(int64_t i, int dim) const {
    return Error::make(Code::bad_argument, "index %lld at dim %d (expected less than %lld)", static_cast<long long>(i),
                       dim, static_cast<long long>(limit_));
  }

 private:
  const TensorView& index_;
  int64_t limit_;
};

inline Error check_index_dtype(const TensorView& index) {
  if (index.dtype == DType::i64 || index.dtype == DType::i32 || index.numel() == 0) return {};
  return Error::make(Code::bad_argument, "index %s (expected i64 or i32)", TypeText(index).c_str());
}

}  // namespace portfire::ops
