// The numbers of one row of a walk, for loops that need not look after them.
#pragma once

#include <algorithm>

#include "kernels/index/walk.h"
#include "kernels/pointwise/steps.h"

namespace portfire::index {

using pointwise::kStrip;

// The numbers of a row in pieces, as i64 without gaps, in range: next() gives how many, 0 at the end.
class Numbers {
 public:
  Numbers(const Walk& w, const Row& r, const TensorView& index) : w_(w), r_(r), index_(index) {}
  int64_t next() {
    at_ += count_;
    count_ = std::min(r_.n - at_, static_cast<int64_t>(kStrip));
    if (count_ <= 0) return 0;
    const int64_t first = r_.index + at_ * r_.index_step;
    if (index_.dtype == DType::i64 && r_.index_step == 1 && !w_.wraps) {
      numbers_ = index_.as<const int64_t>() + first;
    } else {
      if (index_.dtype == DType::i64) fill(index_.as<const int64_t>() + first);
      else fill(index_.as<const int32_t>() + first);
      numbers_ = buffer_;
    }
    if (all_below(numbers_, count_, w_.limit)) return count_;
    for (int64_t j = 0; j < count_; ++j)
      if (static_cast<uint64_t>(numbers_[j]) >= static_cast<uint64_t>(w_.limit)) {
        at_ += j;
        bad_ = true;
        break;
      }
    return 0;
  }
  const int64_t* get() const { return numbers_; }
  int64_t done() const { return bad_ ? at_ : r_.n; }
  int64_t at() const { return at_; }

 private:
  template <class I>
  void fill(const I* from) {
    for (int64_t j = 0; j < count_; ++j) {
      const int64_t number = from[j * r_.index_step];
      buffer_[j] = number < 0 && w_.wraps ? number + w_.limit : number;
    }
  }
  const Walk& w_;
  const Row& r_;
  const TensorView& index_;
  const int64_t* numbers_ = nullptr;
  int64_t at_ = 0, count_ = 0;
  bool bad_ = false;
  int64_t buffer_[kStrip];
};

// The number of a row that has one for all its places; -1 where that is out of range.
inline int64_t one_number(const Walk& w, const Row& r, const TensorView& index) {
  int64_t number = index.dtype == DType::i64 ? index.as<const int64_t>()[r.index] : index.as<const int32_t>()[r.index];
  if (number < 0 && w.wraps) number += w.limit;
  return number < w.limit ? number : -1;
}

}  // namespace portfire::index
