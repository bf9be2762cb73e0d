// Elements of any dtype, one at a time: what references are written with. Obvious and slow.
#pragma once

#include <complex>
#include <cstdint>

#include "core/error.h"
#include "core/tensor_view.h"
#include "ops/op.h"

namespace portfire::ops {

// `offset` counts elements from view.data. Reals and integers convert as C does; a complex number
// gives its real part.
double load_real(const TensorView& view, int64_t offset);
int64_t load_int(const TensorView& view, int64_t offset);
std::complex<double> load_complex(const TensorView& view, int64_t offset);
void store_real(const TensorView& view, int64_t offset, double value);
void store_int(const TensorView& view, int64_t offset, int64_t value);
void store_complex(const TensorView& view, int64_t offset, std::complex<double> value);
// Copies one element, converting between dtypes.
void copy_element(const TensorView& to, int64_t to_offset, const TensorView& from, int64_t from_offset);
// `value` rounded to what `dtype` can hold (wrapped, for integers).
double round_to(DType dtype, double value);
// The next number that `dtype` holds after x towards y; both are such numbers.
double next_after(DType dtype, double x, double y);
int64_t wrap_to(DType dtype, int64_t value);

// Counts through all indices of a shape, row-major. An empty shape has no index; rank 0 has one.
//   for (Index i(shape); i.valid(); i.next()) use(i[0], i.offset(view));
class Index {
 public:
  explicit Index(const Shape& shape) : shape_(shape), valid_(shape.numel() > 0) {}
  bool valid() const { return valid_; }
  void next() {
    for (int d = shape_.rank - 1; d >= 0; --d) {
      if (++at_[d] < shape_.sizes[d]) return;
      at_[d] = 0;
    }
    valid_ = false;
  }
  int64_t operator[](int d) const { return at_[d]; }
  // Of the element of `view` here: aligned at the last dimension, size 1 broadcasts.
  int64_t offset(const TensorView& view) const {
    int64_t sum = 0;
    const int shift = shape_.rank - view.rank();
    for (int d = 0; d < view.rank(); ++d)
      if (view.size(d) != 1) sum += at_[d + shift] * view.strides[d];
    return sum;
  }

 private:
  Shape shape_;
  int64_t at_[kMaxRank] = {};
  bool valid_;
};

// --- rules that many operators share ---

// A dimension in [0, rank) from one in [-rank, rank); rank 0 takes -1 and 0.
Error wrap_dim(int64_t dim, int rank, int* out);
// The shape both broadcast to.
Error broadcast(const Shape& a, const Shape& b, Shape* out);
// The sizes of `shape` less the dimensions marked; keepdim leaves them at 1.
Shape reduced(const Shape& shape, const bool* mask, bool keepdim);
// Marks the dimensions of a `dim` list; an empty list (or None) marks all.
Error dim_mask(std::span<const int64_t> dims, int rank, bool* mask);

// torch.result_type over operands that are tensors or numbers: dimensioned tensors come before
// rank-0 tensors, those before numbers; a later one counts only with a higher category.
class Promotion {
 public:
  void add(const TensorView& t) { merge(t.rank() > 0 ? dimensioned_ : zero_, t.dtype); }
  void add(const Scalar& s);
  void add(const Value& v);  // a tensor or a number; None counts for nothing
  DType result() const;

 private:
  struct Slot {
    bool any = false;
    DType dtype = DType::boolean;
  };
  static void merge(Slot& slot, DType t);
  static Slot combine(const Slot& higher, const Slot& lower);
  Slot dimensioned_, zero_, number_;
};

inline DType float_of(DType t) { return is_floating(t) || is_complex(t) ? t : DType::f32; }

// Tensor extended as a row-major contiguous spec.
inline TensorSpec spec(DType dtype, const Shape& shape) { return {dtype, shape}; }

}  // namespace portfire::ops
