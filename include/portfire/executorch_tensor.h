// Tensors under the names that apps of ExecuTorch know (docs/porting_from_executorch.md): Tensor, TensorPtr and what makes them.
//
//   auto x = portfire::extension::from_blob(pixels.data(), {1, 3, 224, 224});
//   auto y = portfire::extension::make_tensor_ptr({2, 2}, {1.0f, 2.0f, 3.0f, 4.0f});
//
// A wrong call (sizes that do not fit the data, an impossible order of dimensions) is the caller's mistake: it is printed and the
// process ends, as there.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "portfire/tensor.h"

namespace portfire::aten {

using SizesType = int32_t;
using StridesType = int32_t;
using DimOrderType = uint8_t;
template <class T>
using ArrayRef = std::span<const T>;

enum class ScalarType : int8_t {
  Byte = 0, Char = 1, Short = 2, Int = 3, Long = 4, Half = 5, Float = 6, Double = 7, Bool = 11, BFloat16 = 15, UInt16 = 27,
  UInt32 = 28, UInt64 = 29,
};
enum class TensorShapeDynamism : uint8_t { STATIC = 0, DYNAMIC_BOUND = 1, DYNAMIC_UNBOUND = 2 };

// A view: copies show the same data, which is another's.
class Tensor {
 public:
  Tensor() : Tensor(TensorView()) {}
  explicit Tensor(const TensorView& view, TensorShapeDynamism dynamism = TensorShapeDynamism::DYNAMIC_BOUND);

  ssize_t dim() const { return view_.rank(); }
  ssize_t size(ssize_t d) const { return static_cast<ssize_t>(view_.size(static_cast<int>(d))); }
  ssize_t numel() const { return static_cast<ssize_t>(view_.numel()); }
  size_t nbytes() const { return view_.bytes(); }
  ssize_t element_size() const { return static_cast<ssize_t>(byte_size(view_.dtype)); }
  ScalarType scalar_type() const { return static_cast<ScalarType>(view_.dtype); }
  ScalarType dtype() const { return scalar_type(); }
  TensorShapeDynamism shape_dynamism() const { return dynamism_; }
  ArrayRef<SizesType> sizes() const { return {sizes_, rank()}; }
  ArrayRef<StridesType> strides() const { return {strides_, rank()}; }
  ArrayRef<DimOrderType> dim_order() const { return {order_, rank()}; }
  const void* const_data_ptr() const { return view_.data; }
  void* mutable_data_ptr() const { return view_.data; }
  template <class T>
  const T* const_data_ptr() const {
    return view_.as<const T>();
  }
  template <class T>
  T* mutable_data_ptr() const {
    return view_.as<T>();
  }

  const TensorView& view() const { return view_; }
  // At most as many elements as there were at first, and the same rank. False otherwise: nothing changed.
  bool resize(std::span<const SizesType> sizes);

 private:
  size_t rank() const { return static_cast<size_t>(view_.rank()); }
  void describe();

  TensorView view_;
  TensorShapeDynamism dynamism_;
  int64_t room_ = 0;
  SizesType sizes_[kMaxRank] = {};
  StridesType strides_[kMaxRank] = {};
  DimOrderType order_[kMaxRank] = {};
};

}  // namespace portfire::aten

namespace portfire::runtime {

template <class T>
struct CppTypeToScalarType {
  static constexpr aten::ScalarType value = static_cast<aten::ScalarType>(DTypeOf<T>::value);
};

}  // namespace portfire::runtime

namespace portfire::extension {

using aten::DimOrderType;
using aten::ScalarType;
using aten::SizesType;
using aten::StridesType;
using aten::TensorShapeDynamism;
using TensorPtr = std::shared_ptr<aten::Tensor>;

inline constexpr TensorShapeDynamism kBound = TensorShapeDynamism::DYNAMIC_BOUND;

// `data` stays the caller's, unless there is a `deleter`, which is called with it at the end. Without order and strides it is row-major.
TensorPtr make_tensor_ptr(std::vector<SizesType> sizes, void* data, std::vector<DimOrderType> dim_order, std::vector<StridesType> strides,
                          ScalarType type = ScalarType::Float, TensorShapeDynamism dynamism = kBound, std::function<void(void*)> deleter = nullptr);
inline TensorPtr make_tensor_ptr(std::vector<SizesType> sizes, void* data, ScalarType type = ScalarType::Float,
                                 TensorShapeDynamism dynamism = kBound,
                                 std::function<void(void*)> deleter = nullptr) {
  return make_tensor_ptr(std::move(sizes), data, {}, {}, type, dynamism, std::move(deleter));
}

namespace detail {
// A tensor that owns `count` elements of type `from` at `data`, as elements of type `type`.
TensorPtr make_owned(std::vector<SizesType> sizes, const void* data, size_t count, ScalarType from, std::vector<DimOrderType> dim_order,
                     std::vector<StridesType> strides, ScalarType type, TensorShapeDynamism dynamism);
TensorPtr make_filled(std::vector<SizesType> sizes, double value, ScalarType type, TensorShapeDynamism dynamism);
enum class Random { uniform, normal, integer };
TensorPtr make_random(Random kind, double low, double high, std::vector<SizesType> sizes, ScalarType type, TensorShapeDynamism dynamism);
inline std::vector<SizesType> sizes_of(const TensorPtr& t) { return {t->sizes().begin(), t->sizes().end()}; }
// std::vector<bool> has no array of bools.
template <class T>
TensorPtr make_owned(std::vector<SizesType> sizes, const std::vector<T>& data, std::vector<DimOrderType> dim_order,
                     std::vector<StridesType> strides,
                     ScalarType type, TensorShapeDynamism dynamism) {
  constexpr ScalarType own = runtime::CppTypeToScalarType<T>::value;
  if constexpr (std::is_same_v<T, bool>) {
    const std::vector<uint8_t> bytes(data.begin(), data.end());
    return make_owned(std::move(sizes), bytes.data(), bytes.size(), own, std::move(dim_order), std::move(strides), type, dynamism);
  } else {
    return make_owned(std::move(sizes), data.data(), data.size(), own, std::move(dim_order), std::move(strides), type, dynamism);
  }
}
}  // namespace detail

// The tensor owns the data; values are converted where `type` is not theirs.
template <class T = float, ScalarType deduced = runtime::CppTypeToScalarType<T>::value>
TensorPtr make_tensor_ptr(std::vector<SizesType> sizes, std::vector<T> data, std::vector<DimOrderType> dim_order = {},
                          std::vector<StridesType> strides = {}, ScalarType type = deduced, TensorShapeDynamism dynamism = kBound) {
  return detail::make_owned<T>(std::move(sizes), data, std::move(dim_order), std::move(strides), type, dynamism);
}
template <class T = float, ScalarType deduced = runtime::CppTypeToScalarType<T>::value>
TensorPtr make_tensor_ptr(std::vector<T> data, ScalarType type = deduced, TensorShapeDynamism dynamism = kBound) {
  std::vector<SizesType> sizes{static_cast<SizesType>(data.size())};
  return detail::make_owned<T>(std::move(sizes), data, {}, {}, type, dynamism);
}
template <class T = float, ScalarType deduced = runtime::CppTypeToScalarType<T>::value>
TensorPtr make_tensor_ptr(std::vector<SizesType> sizes, std::initializer_list<T> list, std::vector<DimOrderType> dim_order = {},
                          std::vector<StridesType> strides = {}, ScalarType type = deduced, TensorShapeDynamism dynamism = kBound) {
  return detail::make_owned<T>(std::move(sizes), std::vector<T>(list), std::move(dim_order), std::move(strides), type, dynamism);
}
template <class T = float, ScalarType deduced = runtime::CppTypeToScalarType<T>::value>
TensorPtr make_tensor_ptr(std::initializer_list<T> list, ScalarType type = deduced, TensorShapeDynamism dynamism = kBound) {
  return make_tensor_ptr(std::vector<T>(list), type, dynamism);
}
template <class T>
  requires std::is_arithmetic_v<T>
TensorPtr make_tensor_ptr(T value) {
  return detail::make_owned<T>({}, std::vector<T>{value}, {}, {}, runtime::CppTypeToScalarType<T>::value, kBound);
}
// Bytes as they are, of elements of type `type`.
TensorPtr make_tensor_ptr(std::vector<SizesType> sizes, std::vector<uint8_t> data, ScalarType type = ScalarType::Float,
                          TensorShapeDynamism dynamism = kBound);
// The same data in other sizes; the one from a TensorPtr keeps that alive.
TensorPtr make_tensor_ptr(const aten::Tensor& tensor, std::vector<SizesType> sizes = {}, std::vector<DimOrderType> dim_order = {},
                          std::vector<StridesType> strides = {}, std::function<void(void*)> deleter = nullptr);
inline TensorPtr make_tensor_ptr(const TensorPtr& tensor, std::vector<SizesType> sizes = {}, std::vector<DimOrderType> dim_order = {},
                                 std::vector<StridesType> strides = {}) {
  return make_tensor_ptr(*tensor, std::move(sizes), std::move(dim_order), std::move(strides), [tensor](void*) {});
}

// A copy with data of its own, in the same order in memory.
TensorPtr clone_tensor_ptr(const aten::Tensor& tensor, ScalarType type);
inline TensorPtr clone_tensor_ptr(const aten::Tensor& tensor) { return clone_tensor_ptr(tensor, tensor.scalar_type()); }
inline TensorPtr clone_tensor_ptr(const TensorPtr& tensor) { return clone_tensor_ptr(*tensor); }
inline TensorPtr clone_tensor_ptr(const TensorPtr& tensor, ScalarType type) { return clone_tensor_ptr(*tensor, type); }

inline TensorPtr from_blob(void* data, std::vector<SizesType> sizes, ScalarType type = ScalarType::Float,
                           TensorShapeDynamism dynamism = kBound) {
  return make_tensor_ptr(std::move(sizes), data, type, dynamism);
}
inline TensorPtr from_blob(void* data, std::vector<SizesType> sizes, std::vector<StridesType> strides, ScalarType type = ScalarType::Float,
                           TensorShapeDynamism dynamism = kBound) {
  return make_tensor_ptr(std::move(sizes), data, {}, std::move(strides), type, dynamism);
}
inline TensorPtr from_blob(void* data, std::vector<SizesType> sizes, ScalarType type, std::function<void(void*)>&& deleter,
                           TensorShapeDynamism dynamism = kBound) {
  return make_tensor_ptr(std::move(sizes), data, type, dynamism, std::move(deleter));
}

// What from_blob takes, said one after the other: for_blob(data, {2, 3}).strides({1, 2}).make_tensor_ptr().
class TensorPtrMaker final {
 public:
  TensorPtrMaker(void* data, std::vector<SizesType> sizes, ScalarType type) : data_(data), sizes_(std::move(sizes)), type_(type) {}
  TensorPtrMaker&& type(ScalarType type) && { return type_ = type, std::move(*this); }
  TensorPtrMaker&& dim_order(std::vector<DimOrderType> order) && { return order_ = std::move(order), std::move(*this); }
  TensorPtrMaker&& strides(std::vector<StridesType> strides) && { return strides_ = std::move(strides), std::move(*this); }
  TensorPtrMaker&& dynamism(TensorShapeDynamism dynamism) && { return dynamism_ = dynamism, std::move(*this); }
  TensorPtrMaker&& deleter(std::function<void(void*)>&& deleter) && { return deleter_ = std::move(deleter), std::move(*this); }
  TensorPtr make_tensor_ptr() && {
    return extension::make_tensor_ptr(std::move(sizes_), data_, std::move(order_), std::move(strides_), type_, dynamism_, std::move(deleter_));
  }
  operator TensorPtr() && { return std::move(*this).make_tensor_ptr(); }  // NOLINT

 private:
  void* data_;
  std::vector<SizesType> sizes_;
  ScalarType type_;
  std::vector<DimOrderType> order_;
  std::vector<StridesType> strides_;
  TensorShapeDynamism dynamism_ = kBound;
  std::function<void(void*)> deleter_;
};
inline TensorPtrMaker for_blob(void* data, std::vector<SizesType> sizes, ScalarType type = ScalarType::Float) {
  return {data, std::move(sizes), type};
}

inline TensorPtr full(std::vector<SizesType> sizes, double value, ScalarType type = ScalarType::Float,
                      TensorShapeDynamism dynamism = kBound) {
  return detail::make_filled(std::move(sizes), value, type, dynamism);
}
inline TensorPtr empty(std::vector<SizesType> sizes, ScalarType type = ScalarType::Float, TensorShapeDynamism dynamism = kBound) {
  return full(std::move(sizes), 0, type, dynamism);
}
inline TensorPtr zeros(std::vector<SizesType> sizes, ScalarType type = ScalarType::Float, TensorShapeDynamism dynamism = kBound) {
  return full(std::move(sizes), 0, type, dynamism);
}
inline TensorPtr ones(std::vector<SizesType> sizes, ScalarType type = ScalarType::Float, TensorShapeDynamism dynamism = kBound) {
  return full(std::move(sizes), 1, type, dynamism);
}
inline TensorPtr full_like(const TensorPtr& other, double value) { return full(detail::sizes_of(other), value, other->scalar_type()); }
inline TensorPtr empty_like(const TensorPtr& other) { return full_like(other, 0); }
inline TensorPtr zeros_like(const TensorPtr& other) { return full_like(other, 0); }
inline TensorPtr ones_like(const TensorPtr& other) { return full_like(other, 1); }
// Uniform in [0, 1); normal with mean 0 and deviation 1; integers from low to high - 1.
inline TensorPtr rand(std::vector<SizesType> sizes, ScalarType type = ScalarType::Float, TensorShapeDynamism dynamism = kBound) {
  return detail::make_random(detail::Random::uniform, 0, 1, std::move(sizes), type, dynamism);
}
inline TensorPtr randn(std::vector<SizesType> sizes, ScalarType type = ScalarType::Float, TensorShapeDynamism dynamism = kBound) {
  return detail::make_random(detail::Random::normal, 0, 1, std::move(sizes), type, dynamism);
}
inline TensorPtr randint(int64_t low, int64_t high, std::vector<SizesType> sizes, ScalarType type = ScalarType::Int,
                         TensorShapeDynamism dynamism = kBound) {
  return detail::make_random(detail::Random::integer, static_cast<double>(low), static_cast<double>(high), std::move(sizes), type,
                             dynamism);
}

}  // namespace portfire::extension
