#include "kernels/reduce/folds.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce/folds.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/pointwise/plain_loop.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using FoldTag = hn::ScalableTag<T>;
template <class T>
using FoldVec = hn::Vec<FoldTag<T>>;

// name, types: of vectors total t, elements v and `about` m, with tag d
#define PF_FLOAT_FOLDS(X, T)                                              \
  X(sum, T, hn::Add(t, v))                                                \
  X(numbers, T, hn::IfThenElse(hn::IsNaN(v), t, hn::Add(t, v)))           \
  X(squares, T, hn::MulAdd(hn::Sub(v, m), hn::Sub(v, m), t))              \
  X(maximum, T, hn::IfThenElse(hn::Or(hn::Gt(v, t), hn::IsNaN(v)), v, t)) \
  X(minimum, T, hn::IfThenElse(hn::Or(hn::Lt(v, t), hn::IsNaN(v)), v, t))
#define PF_INTEGER_FOLDS(X, T)      \
  X(maximum, T, hn::Max(t, v))      \
  X(minimum, T, hn::Min(t, v))

// The lanes of a vector folded into one.
template <class T>
HWY_INLINE reduce::Wide<T> total_of(FoldTag<T> d, FoldVec<T> t, reduce::Fold fold) {
  if (fold == reduce::Fold::sum || fold == reduce::Fold::squares || fold == reduce::Fold::numbers) {
    if constexpr (sizeof(T) > 1) return hn::GetLane(hn::SumOfLanes(d, t));
  }
  HWY_ALIGN T each[HWY_LANES(T)];
  hn::Store(t, d, each);
  T total = each[0];
  for (size_t k = 1; k < hn::Lanes(d); ++k) total = reduce::join(fold, total, each[k]);
  return total;
}

// Four vectors of totals: one would wait for each step before the next. A lane takes no more than 16
// steps before totals are joined wide, so that sums in float stay as exact on narrow vectors as on wide
// ones. What is left is folded wide.
// Joining totals of squares is adding them. One lane has nothing to gain (and GCC 12 at -O3 gets four sums of its
// whole numbers wrong).
constexpr bool kVectors = HWY_TARGET != HWY_SCALAR;
#define PF_FOLD(name, T, ...)                                                                     \
  HWY_INLINE FoldVec<T> step_##name(FoldTag<T> d, FoldVec<T> t, FoldVec<T> v, FoldVec<T> m) {     \
    (void)d, (void)m;                                                                             \
    return __VA_ARGS__;                                                                           \
  }                                                                                               \
  HWY_INLINE reduce::Wide<T> total_##name(const T* x, size_t n, T about) {                        \
    constexpr reduce::Fold kFold = reduce::Fold::name;                                            \
    const FoldTag<T> d;                                                                           \
    const size_t lanes = hn::Lanes(d);                                                            \
    const FoldVec<T> m = hn::Set(d, about), start = hn::Set(d, reduce::start_of<T>(kFold));       \
    using W = reduce::Wide<T>;                                                                    \
    W total = static_cast<W>(reduce::start_of<T>(kFold));                                         \
    size_t i = 0;                                                                                 \
    while (kVectors && i + lanes <= n) {                                                          \
      const size_t end = n - i < 64 * lanes ? n : i + 64 * lanes;                                 \
      FoldVec<T> t0 = start, t1 = start, t2 = start, t3 = start;                                  \
      for (; i + 4 * lanes <= end; i += 4 * lanes) {                                              \
        t0 = step_##name(d, t0, hn::LoadU(d, x + i), m);                                          \
        t1 = step_##name(d, t1, hn::LoadU(d, x + i + lanes), m);                                  \
        t2 = step_##name(d, t2, hn::LoadU(d, x + i + 2 * lanes), m);                              \
        t3 = step_##name(d, t3, hn::LoadU(d, x + i + 3 * lanes), m);                              \
      }                                                                                           \
      for (; i + lanes <= end; i += lanes) t0 = step_##name(d, t0, hn::LoadU(d, x + i), m);       \
      if constexpr (kFold == reduce::Fold::squares || kFold == reduce::Fold::numbers) {           \
        t0 = hn::Add(hn::Add(t0, t1), hn::Add(t2, t3));                                           \
      } else {                                                                                    \
        t0 = step_##name(d, step_##name(d, t0, t1, m), step_##name(d, t2, t3, m), m);             \
      }                                                                                           \
      total = reduce::join(kFold, total, total_of<T>(d, t0, kFold));                              \
    }                                                                                             \
    for (; i < n; ++i) {                                                                          \
      const W v = static_cast<W>(x[i]), off = v - static_cast<W>(about);                          \
      if (kFold == reduce::Fold::numbers && v != v) continue;                                     \
      total = reduce::join(kFold, total, kFold == reduce::Fold::squares ? off * off : v);         \
    }                                                                                             \
    return total;                                                                                 \
  }                                                                                               \
  reduce::Wide<T> row_##name(const T* x, size_t n, T about) { return total_##name(x, n, about); } \
  void rows_##name(const T* x, int64_t step, size_t count, size_t n, reduce::Wide<T>* totals) {   \
    for (size_t r = 0; r < count; ++r, x += step) totals[r] = total_##name(x, n, 0);              \
  }                                                                                               \
  void column_##name(T* totals, const T* x, size_t n, const T* about) {                           \
    const FoldTag<T> d;                                                                           \
    for (size_t i = 0; i < n; i += hn::Lanes(d))                                                  \
      hn::StoreU(step_##name(d, hn::LoadU(d, totals + i), hn::LoadU(d, x + i), hn::LoadU(d, about + i)), d, totals + i); \
  }
namespace f32 { PF_FLOAT_FOLDS(PF_FOLD, float) }
namespace f64 { PF_FLOAT_FOLDS(PF_FOLD, double) PF_FOLD(product, double, hn::Mul(t, v)) }
namespace i64 { PF_INTEGER_FOLDS(PF_FOLD, int64_t) PF_FOLD(sum, int64_t, hn::Add(t, v)) }
namespace i32 { PF_INTEGER_FOLDS(PF_FOLD, int32_t) }
namespace u8 { PF_INTEGER_FOLDS(PF_FOLD, uint8_t) }

// Products of integers are no instruction. Eight of them: one would wait for each factor.
#define PF_PRODUCT(T)                                                               \
  reduce::Wide<T> row_product(const T* x, size_t n, T) {                            \
    T each[8] = {1, 1, 1, 1, 1, 1, 1, 1}, total = 1;                                \
    size_t i = 0;                                                                   \
    for (; i + 8 <= n; i += 8)                                                      \
      for (size_t k = 0; k < 8; ++k) each[k] = reduce::join(reduce::Fold::product, each[k], x[i + k]); \
    for (; i < n; ++i) total = reduce::join(reduce::Fold::product, total, x[i]);    \
    for (size_t k = 0; k < 8; ++k) total = reduce::join(reduce::Fold::product, total, each[k]); \
    return total;                                                                   \
  }                                                                                 \
  void rows_product(const T* x, int64_t step, size_t count, size_t n, reduce::Wide<T>* totals) { \
    for (size_t r = 0; r < count; ++r, x += step) totals[r] = row_product(x, n, 0); \
  }                                                                                 \
  void column_product(T* totals, const T* x, size_t n, const T*) {                  \
    for (size_t i = 0; i < n; ++i) totals[i] = reduce::join(reduce::Fold::product, totals[i], x[i]); \
  }
namespace i64 { PF_PRODUCT(int64_t) }

#define PF_FIND(name, ...) \
  if (fold == reduce::Fold::name) return {row_##name, rows_##name, column_##name};
namespace f32 {
reduce::Functions<float> find(reduce::Fold fold) {
  PF_FLOAT_FOLDS(PF_FIND, float)
  return {};
}
}  // namespace f32
namespace f64 {
reduce::Functions<double> find(reduce::Fold fold) {
  PF_FLOAT_FOLDS(PF_FIND, double)
  PF_FIND(product)
  return {};
}
}  // namespace f64
namespace i64 {
reduce::Functions<int64_t> find(reduce::Fold fold) {
  PF_INTEGER_FOLDS(PF_FIND, int64_t)
  PF_FIND(sum)
  PF_FIND(product)
  return {};
}
}  // namespace i64
namespace i32 {
reduce::Functions<int32_t> find(reduce::Fold fold) {
  PF_INTEGER_FOLDS(PF_FIND, int32_t)
  return {};
}
}  // namespace i32
namespace u8 {
reduce::Functions<uint8_t> find(reduce::Fold fold) {
  PF_INTEGER_FOLDS(PF_FIND, uint8_t)
  return {};
}
}  // namespace u8

reduce::Functions<float> find_f32(reduce::Fold f) { return f32::find(f); }
reduce::Functions<double> find_f64(reduce::Fold f) { return f64::find(f); }
reduce::Functions<int64_t> find_i64(reduce::Fold f) { return i64::find(f); }
reduce::Functions<int32_t> find_i32(reduce::Fold f) { return i32::find(f); }
reduce::Functions<uint8_t> find_u8(reduce::Fold f) { return u8::find(f); }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(find_f32);
HWY_EXPORT(find_f64);
HWY_EXPORT(find_i64);
HWY_EXPORT(find_i32);
HWY_EXPORT(find_u8);
namespace reduce {
template <>
Functions<float> functions(Fold f) { return HWY_DYNAMIC_DISPATCH(find_f32)(f); }
template <>
Functions<double> functions(Fold f) { return HWY_DYNAMIC_DISPATCH(find_f64)(f); }
template <>
Functions<int64_t> functions(Fold f) { return HWY_DYNAMIC_DISPATCH(find_i64)(f); }
template <>
Functions<int32_t> functions(Fold f) { return HWY_DYNAMIC_DISPATCH(find_i32)(f); }
template <>
Functions<uint8_t> functions(Fold f) { return HWY_DYNAMIC_DISPATCH(find_u8)(f); }
}  // namespace reduce
}  // namespace portfire
#endif
