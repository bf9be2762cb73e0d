// Tensors under ExecuTorch's names.
#include "portfire/executorch_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "core/tensor_view.h"
#include "ops/element.h"

namespace portfire::aten {
namespace {

// Dimensions from the outermost in memory to the innermost, as strides tell.
void order_of(const TensorView& t, DimOrderType* order) {
  uint32_t done = 0;
  for (int d = 0; d < t.rank(); ++d) {
    int next = -1;
    for (int k = 0; k < t.rank(); ++k)
      if (!(done >> k & 1) && (next < 0 || t.strides[k] > t.strides[next])) next = k;
    done |= 1u << next;
    order[d] = static_cast<DimOrderType>(next);
  }
}

// Dense, in a given order of dimensions.
void set_strides(const DimOrderType* order, TensorView* t) {
  int64_t stride = 1;
  for (int k = t->rank(); k-- > 0;) {
    const int d = order[k];
    t->strides[d] = stride;
    if (t->size(d) > 0) stride *= t->size(d);
  }
}

}  // namespace

Tensor::Tensor(const TensorView& view, TensorShapeDynamism dynamism) : view_(view), dynamism_(dynamism), room_(view.numel()) { describe(); }

void Tensor::describe() {
  order_of(view_, order_);
  for (int d = 0; d < view_.rank(); ++d) {
    sizes_[d] = static_cast<SizesType>(view_.size(d));
    strides_[d] = static_cast<StridesType>(view_.strides[d]);
  }
}

bool Tensor::resize(std::span<const SizesType> sizes) {
  if (sizes.size() != rank()) return false;
  Shape shape;
  for (const SizesType s : sizes) shape.push(s);
  int64_t bytes;
  if (!checked_bytes(view_.dtype, shape, &bytes) || shape.numel() > room_) return false;
  if (dynamism_ == TensorShapeDynamism::STATIC && !(shape == view_.shape)) return false;
  view_.shape = shape;
  set_strides(order_, &view_);
  describe();
  return true;
}

}  // namespace portfire::aten

namespace portfire::extension {
namespace {

[[noreturn]] void refuse(const char* what) {
  fprintf(stderr, "portfire: make_tensor_ptr: %s\n", what);
  __builtin_trap();
}

struct Owner {
  Owner(const TensorView& view, TensorShapeDynamism dynamism, std::function<void(void*)> end)
      : tensor(view, dynamism), data(view.data), deleter(std::move(end)) {}
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  ~Owner() {
    if (deleter) deleter(data);
  }
  aten::Tensor tensor;
  void* data;
  std::function<void(void*)> deleter;
};

TensorView view_of(const std::vector<SizesType>& sizes, void* data, const std::vector<DimOrderType>& order,
                   const std::vector<StridesType>& strides,
                   ScalarType type) {
  TensorView t;
  t.data = data;
  if (!is_dtype(static_cast<int64_t>(type))) refuse("not an element type that is supported");
  t.dtype = static_cast<DType>(type);
  if (sizes.size() > static_cast<size_t>(kMaxRank)) refuse("too many dimensions");
  for (const SizesType s : sizes) t.shape.push(s);
  int64_t bytes;
  if (!checked_bytes(t.dtype, t.shape, &bytes)) refuse("impossible sizes");
  t.set_contiguous();
  if (!order.empty()) {
    uint32_t seen = 0;
    for (const DimOrderType d : order) seen |= d < sizes.size() ? 1u << d : 0;
    if (order.size() != sizes.size() || seen != (1u << sizes.size()) - 1) refuse("the order of dimensions is no permutation of them");
    aten::set_strides(order.data(), &t);
  }
  if (strides.empty()) return t;
  if (strides.size() != sizes.size()) refuse("strides and sizes are not as many");
  TensorView given = t;
  for (int d = 0; d < t.rank(); ++d) given.strides[d] = strides[static_cast<size_t>(d)];
  DimOrderType own[kMaxRank];
  aten::order_of(given, own);
  if (order.empty()) aten::set_strides(own, &t);
  for (int d = 0; d < t.rank(); ++d)
    if (t.size(d) > 1 && given.strides[d] != t.strides[d]) refuse("strides that leave gaps, or are not those of the order of dimensions");
  return given;
}

// Of elements that lie in a row.
TensorView row(const void* data, ScalarType type, size_t count) {
  const auto n = static_cast<int64_t>(count);
  return TensorView::of(data, static_cast<DType>(type), {&n, 1});
}

}  // namespace

TensorPtr make_tensor_ptr(std::vector<SizesType> sizes, void* data, std::vector<DimOrderType> dim_order, std::vector<StridesType> strides,
                          ScalarType type, TensorShapeDynamism dynamism, std::function<void(void*)> deleter) {
  const auto owner = std::make_shared<Owner>(view_of(sizes, data, dim_order, strides, type), dynamism, std::move(deleter));
  return {owner, &owner->tensor};
}

TensorPtr detail::make_owned(std::vector<SizesType> sizes, const void* data, size_t count, ScalarType from,
                             std::vector<DimOrderType> dim_order,
                             std::vector<StridesType> strides, ScalarType type, TensorShapeDynamism dynamism) {
  const TensorView t = view_of(sizes, nullptr, dim_order, strides, type);
  if (t.numel() != static_cast<int64_t>(count)) refuse("the data's size is not the tensor's");
  const std::shared_ptr<std::byte[]> own(new std::byte[t.bytes() + 1]);
  if (type == from) {
    if (t.bytes()) std::memcpy(own.get(), data, t.bytes());
  } else {
    const TensorView to = row(own.get(), type, count), source = row(data, from, count);
    for (size_t i = 0; i < count; ++i) ops::copy_element(to, static_cast<int64_t>(i), source, static_cast<int64_t>(i));
  }
  return make_tensor_ptr(std::move(sizes), own.get(), std::move(dim_order), std::move(strides), type, dynamism, [own](void*) {});
}

TensorPtr detail::make_filled(std::vector<SizesType> sizes, double value, ScalarType type, TensorShapeDynamism dynamism) {
  const TensorView t = view_of(sizes, nullptr, {}, {}, type);
  const std::shared_ptr<std::byte[]> own(new std::byte[t.bytes() + 1]());
  const TensorView to = row(own.get(), type, static_cast<size_t>(t.numel()));
  if (value != 0)
    for (int64_t i = 0; i < t.numel(); ++i) ops::store_real(to, i, value);
  return make_tensor_ptr(std::move(sizes), own.get(), {}, {}, type, dynamism, [own](void*) {});
}

TensorPtr detail::make_random(Random kind, double low, double high, std::vector<SizesType> sizes, ScalarType type,
                              TensorShapeDynamism dynamism) {
  const TensorPtr t = make_filled(std::move(sizes), 0, type, dynamism);
  std::mt19937_64 generator{std::random_device{}()};
  std::uniform_real_distribution<double> uniform(low, high);
  std::normal_distribution<double> normal(low, high);
  for (int64_t i = 0; i < t->view().numel(); ++i) {
    const double x = kind == Random::normal ? normal(generator) : uniform(generator);
    ops::store_real(t->view(), i, kind == Random::integer ? std::floor(x) : x);
  }
  return t;
}

TensorPtr make_tensor_ptr(std::vector<SizesType> sizes, std::vector<uint8_t> data, ScalarType type, TensorShapeDynamism dynamism) {
  const TensorView t = view_of(sizes, nullptr, {}, {}, type);
  if (t.bytes() != data.size()) refuse("the data's size is not the tensor's");
  return detail::make_owned(std::move(sizes), data.data(), static_cast<size_t>(t.numel()), type, {}, {}, type, dynamism);
}

TensorPtr make_tensor_ptr(const aten::Tensor& tensor, std::vector<SizesType> sizes, std::vector<DimOrderType> dim_order,
                          std::vector<StridesType> strides, std::function<void(void*)> deleter) {
  const bool same = sizes.empty() || std::equal(sizes.begin(), sizes.end(), tensor.sizes().begin(), tensor.sizes().end());
  if (sizes.empty()) sizes.assign(tensor.sizes().begin(), tensor.sizes().end());
  if (same && dim_order.empty() && strides.empty()) strides.assign(tensor.strides().begin(), tensor.strides().end());
  const TensorView t = view_of(sizes, tensor.mutable_data_ptr(), dim_order, strides, tensor.scalar_type());
  if (t.numel() > tensor.view().numel()) refuse("more elements than the tensor that is shown has");
  return make_tensor_ptr(std::move(sizes), tensor.mutable_data_ptr(), std::move(dim_order), std::move(strides), tensor.scalar_type(),
                         tensor.shape_dynamism(), std::move(deleter));
}

TensorPtr clone_tensor_ptr(const aten::Tensor& tensor, ScalarType type) {
  std::vector<SizesType> sizes(tensor.sizes().begin(), tensor.sizes().end());
  std::vector<DimOrderType> order(tensor.dim_order().begin(), tensor.dim_order().end());
  const TensorView t = view_of(sizes, nullptr, order, {}, type);
  const std::shared_ptr<std::byte[]> own(new std::byte[t.bytes() + 1]);
  TensorView to = t;
  to.data = own.get();
  for (ops::Index at(t.shape); at.valid(); at.next()) ops::copy_element(to, at.offset(to), tensor.view(), at.offset(tensor.view()));
  return make_tensor_ptr(std::move(sizes), tensor.const_data_ptr() ? own.get() : nullptr, std::move(order), {}, type,
                         tensor.shape_dynamism(),
                         [own](void*) {});
}

}  // namespace portfire::extension
