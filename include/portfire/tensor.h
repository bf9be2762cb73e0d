// Shape and TensorView: a tensor without ownership. Sizes and strides count elements.
//
//   std::vector<float> pixels(3 * 224 * 224);
//   auto image = portfire::TensorView::of(pixels.data(), {1, 3, 224, 224});
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "portfire/dtype.h"

namespace portfire {

inline constexpr int kMaxRank = 12;

// Sizes of untrusted programs may have any product: it wraps, and is checked where memory is at stake.
constexpr int64_t wrapping_multiply(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

struct Shape {
  int rank = 0;
  int64_t sizes[kMaxRank] = {};

  std::span<const int64_t> dims() const { return {sizes, static_cast<size_t>(rank)}; }
  int64_t numel() const {
    int64_t n = 1;
    for (int64_t s : dims()) n = wrapping_multiply(n, s);
    return n;
  }
  void push(int64_t size) { sizes[rank++] = size; }  // the caller checks rank < kMaxRank
  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank != b.rank) return false;
    for (int d = 0; d < a.rank; ++d)
      if (a.sizes[d] != b.sizes[d]) return false;
    return true;
  }
};

struct TensorView {
  void* data = nullptr;  // element [0,...,0]; null where only the type is known (shape inference)
  DType dtype = DType::f32;
  Shape shape;
  int64_t strides[kMaxRank] = {};

  // Row-major over `data`, which stays the caller's and must hold numel elements.
  template <class T>
  static TensorView of(const T* data, std::initializer_list<int64_t> sizes) {
    return of(data, DTypeOf<T>::value, {sizes.begin(), sizes.size()});
  }
  // At most kMaxRank sizes; what is beyond is left out, and no program will take the tensor.
  static TensorView of(const void* data, DType dtype, std::span<const int64_t> sizes) {
    TensorView t;
    t.data = const_cast<void*>(data);
    t.dtype = dtype;
    for (size_t d = 0; d < sizes.size() && d < kMaxRank; ++d) t.shape.push(sizes[d]);
    t.set_contiguous();
    return t;
  }

  int rank() const { return shape.rank; }
  int64_t size(int d) const { return shape.sizes[d]; }
  int64_t numel() const { return shape.numel(); }
  size_t bytes() const { return static_cast<size_t>(numel()) * byte_size(dtype); }
  // The data as T's: unchecked.
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }

  // Row-major strides for the present sizes.
  void set_contiguous() {
    int64_t stride = 1;
    for (int d = rank() - 1; d >= 0; --d) {
      strides[d] = stride;
      if (size(d) > 0) stride = wrapping_multiply(stride, size(d));
    }
  }
  // Dimensions of size 1 may have any stride.
  bool is_contiguous() const {
    int64_t stride = 1;
    for (int d = rank() - 1; d >= 0; --d) {
      if (size(d) == 0) return true;
      if (size(d) != 1 && strides[d] != stride) return false;
      stride = wrapping_multiply(stride, size(d));
    }
    return true;
  }
};

}  // namespace portfire
