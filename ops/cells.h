// Elements of one dtype that are read and written one at a time, decided once rather than at each: for references
// that add to places which indices tell.
#pragma once

#include <type_traits>

#include "core/float16.h"
#include "ops/element.h"

namespace portfire::ops {

// Reals come as double, integers and bool as int64_t.
template <class T>
struct Cells {
  using Wide = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
  T* data;
  explicit Cells(const TensorView& t) : data(t.as<T>()) {}
  Wide get(int64_t offset) const { return static_cast<Wide>(data[offset]); }
  void set(int64_t offset, Wide v) const { data[offset] = static_cast<T>(v); }
};
struct F16Cells {
  using Wide = double;
  uint16_t* data;
  explicit F16Cells(const TensorView& t) : data(t.as<uint16_t>()) {}
  double get(int64_t offset) const { return f16_to_f32(data[offset]); }
  void set(int64_t offset, double v) const { data[offset] = f32_to_f16(static_cast<float>(v)); }
};
struct Bf16Cells {
  using Wide = double;
  uint16_t* data;
  explicit Bf16Cells(const TensorView& t) : data(t.as<uint16_t>()) {}
  double get(int64_t offset) const { return bf16_to_f32(data[offset]); }
  void set(int64_t offset, double v) const { data[offset] = f32_to_bf16(static_cast<float>(v)); }
};
// What has no type of its own here.
template <class T>
struct OtherCells {
  using Wide = T;
  const TensorView* view;
  explicit OtherCells(const TensorView& t) : view(&t) {}
  T get(int64_t offset) const {
    if constexpr (std::is_same_v<T, double>) return load_real(*view, offset);
    else return load_int(*view, offset);
  }
  void set(int64_t offset, T v) const {
    if constexpr (std::is_same_v<T, double>) store_real(*view, offset, v);
    else store_int(*view, offset, v);
  }
};

// Calls f(std::type_identity<Cells of dtype>()). Not for complex dtypes.
template <class F>
auto with_cells(DType dtype, F f) {
  switch (dtype) {
    case DType::f32: return f(std::type_identity<Cells<float>>());
    case DType::f64: return f(std::type_identity<Cells<double>>());
    case DType::f16: return f(std::type_identity<F16Cells>());
    case DType::bf16: return f(std::type_identity<Bf16Cells>());
    case DType::i64: return f(std::type_identity<Cells<int64_t>>());
    case DType::i32: return f(std::type_identity<Cells<int32_t>>());
    case DType::u8: return f(std::type_identity<Cells<uint8_t>>());
    default: return is_floating(dtype) ? f(std::type_identity<OtherCells<double>>()) : f(std::type_identity<OtherCells<int64_t>>());
  }
}

}  // namespace portfire::ops
