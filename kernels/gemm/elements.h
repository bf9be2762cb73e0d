// Elements of a product's operands in memory, as the type it is computed in, and its sums to what the result holds.
#pragma once

#include <algorithm>
#include <type_traits>

#include "kernels/gemm/matrix_plan.h"
#include "kernels/pointwise/steps.h"

namespace portfire::gemm {

template <class F>
auto with_type(DType t, F f) {
  switch (t) {
    case DType::f64: return f(double());
    case DType::i64: return f(int64_t());
    case DType::f32: case DType::f16: case DType::bf16: return f(float());
    default: return f(int32_t());
  }
}
template <class T>
inline constexpr DType kDtype = std::is_same_v<T, double> ? DType::f64 : std::is_same_v<T, float> ? DType::f32 : std::is_same_v<T, int64_t> ? DType::i64 : DType::i32;

// Elements of a matrix as T, some at a time; in place where they are that.
template <class T>
class Reader {
 public:
  explicit Reader(DType t) : bytes_(static_cast<int64_t>(byte_size(t))), direct_(t == kDtype<T>), load_(pointwise::load_fn(t)) {
    if (const pointwise::Class c = pointwise::class_of(t); c != pointwise::class_of(kDtype<T>)) convert_ = pointwise::convert_fn(c, kDtype<T>);
  }
  // n <= pointwise::kStrip
  const T* get(const std::byte* at, int64_t stride, int64_t n) {
    if (direct_ && stride == 1) return reinterpret_cast<const T*>(at);
    load_(convert_ ? static_cast<void*>(loaded_) : values_, at, stride, static_cast<size_t>(n));
    if (convert_) convert_(values_, loaded_, static_cast<size_t>(n));
    return values_;
  }
  void copy(T* to, const std::byte* at, int64_t stride, int64_t n) {
    constexpr auto kMost = static_cast<int64_t>(pointwise::kStrip);
    for (int64_t i = 0; i < n; i += kMost) std::copy_n(get(at + i * stride * bytes_, stride, std::min(kMost, n - i)), std::min(kMost, n - i), to + i);
  }

 private:
  int64_t bytes_;
  bool direct_;
  pointwise::LoadFn load_;
  pointwise::ConvertFn convert_ = nullptr;
  alignas(64) T values_[pointwise::kStrip];
  alignas(64) std::byte loaded_[pointwise::kStrip * 8];
};

// Finished sums of a row to C.
template <class T>
class Writer {
 public:
  explicit Writer(const MatrixPlan& p)
      : p_(p), self_(p.self.tensor ? p.self.tensor->dtype : kDtype<T>), alpha_(number(p.alpha)), beta_(number(p.beta)), store_(pointwise::store_fn(p.c.tensor->dtype)) {
    const DType t = p.c.tensor->dtype;
    if (pointwise::class_of(t) != pointwise::class_of(kDtype<T>)) convert_ = pointwise::convert_fn(pointwise::class_of(kDtype<T>), t);
  }
  void put(int64_t item, int64_t row, int64_t column, const T* sums, int64_t n) {
    for (int64_t done = 0; done < n;) {
      const int64_t count = std::min(static_cast<int64_t>(pointwise::kStrip), n - done);
      const T* from = p_.self.tensor ? self_.get(p_.self.at(item, row, column + done), p_.self.column, count) : nullptr;
      for (int64_t i = 0; i < count; ++i) {
        const U sum = static_cast<U>(alpha_) * static_cast<U>(sums[done + i]);
        values_[i] = static_cast<T>(from ? sum + static_cast<U>(beta_) * static_cast<U>(from[i]) : sum);
      }
      const void* out = values_;
      if (convert_) {
        convert_(converted_, values_, static_cast<size_t>(count));
        out = converted_;
      }
      store_(const_cast<std::byte*>(p_.c.at(item, row, column + done)), out, p_.c.column, static_cast<size_t>(count));
      done += count;
    }
  }

 private:
  using U = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;
  static T number(const Scalar& s) { return std::is_integral_v<T> ? static_cast<T>(s.as_int()) : static_cast<T>(s.as_double()); }
  const MatrixPlan& p_;
  Reader<T> self_;
  T alpha_, beta_;
  pointwise::StoreFn store_;
  pointwise::ConvertFn convert_ = nullptr;
  alignas(64) T values_[pointwise::kStrip];
  alignas(64) std::byte converted_[pointwise::kStrip * 8];
};

}  // namespace portfire::gemm
