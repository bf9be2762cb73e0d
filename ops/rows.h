// Moving elements: references of operators that copy, gather and rearrange are made of these.
#pragma once

#include <cstring>
#include <initializer_list>

#include "core/tensor_view.h"

namespace portfire::ops {

// Walks tensors of one shape together, a row at a time. Dimensions of size 1 are dropped and
// neighbours that lie densely in all tensors are merged, so rows are as long as they can be.
//   for (Rows r(shape, {to.strides, from.strides}); r.valid(); r.next())
//     use(r.length(), r.offset(0), r.step(0), r.offset(1), r.step(1));
class Rows {
 public:
  static constexpr int kMaxTensors = 4;

  Rows(const Shape& shape, std::initializer_list<const int64_t*> strides);
  void restart();
  bool valid() const { return valid_; }
  void next();
  int64_t length() const { return length_; }
  int64_t offset(int tensor) const { return offset_[tensor]; }
  int64_t step(int tensor) const { return step_[tensor]; }

 private:
  int tensors_ = 0, rank_ = 0;  // of the dimensions outside the rows
  bool empty_ = false, valid_ = false;
  int64_t length_ = 1;
  int64_t sizes_[kMaxRank] = {}, at_[kMaxRank] = {};
  int64_t strides_[kMaxTensors][kMaxRank] = {};
  int64_t step_[kMaxTensors] = {}, offset_[kMaxTensors] = {};
};

// `t` as a tensor of `shape`, which it broadcasts to: repeated dimensions get stride 0.
TensorView broadcast_view(const TensorView& t, const Shape& shape);
// `t` with its first element moved by `elements`.
TensorView shifted(TensorView t, int64_t elements);
// `t` restricted to `count` indices of dimension `d` from `start` on.
TensorView sliced(const TensorView& t, int d, int64_t start, int64_t count);
// `t` at one index of dimension `d`, which goes away.
TensorView selected(const TensorView& t, int d, int64_t index);

// Copies `from`, broadcast and converted, into `to`. They may be the same tensor, else must not overlap.
void copy_view(const TensorView& to, const TensorView& from);
// Sets every element.
void fill_view(const TensorView& to, double value);
void fill_view(const TensorView& to, int64_t value);

// Elements as bytes, for code that only moves them.
template <size_t N>
struct [[gnu::may_alias]] Bits;
template <>
struct [[gnu::may_alias]] Bits<1> { uint8_t v; };
template <>
struct [[gnu::may_alias]] Bits<2> { uint16_t v; };
template <>
struct [[gnu::may_alias]] Bits<4> { uint32_t v; };
template <>
struct [[gnu::may_alias]] Bits<8> { uint64_t v; };
template <>
struct [[gnu::may_alias]] Bits<16> { uint64_t v[2]; };

// Calls f(Bits<size of dtype>()).
template <class F>
auto with_bits(DType dtype, F f) {
  switch (byte_size(dtype)) {
    case 1: return f(Bits<1>());
    case 2: return f(Bits<2>());
    case 4: return f(Bits<4>());
    case 8: return f(Bits<8>());
    default: return f(Bits<16>());
  }
}

}  // namespace portfire::ops
