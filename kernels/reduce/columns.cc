#include "kernels/reduce/columns.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce/columns.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using reduce::Fold;

template <class T>
using ColumnTag = hn::CappedTag<T, sizeof(T) == 4 ? 16 : 8>;
using F32s = ColumnTag<float>;
using F64s = ColumnTag<double>;
using I64s = ColumnTag<int64_t>;

template <class T>
HWY_INLINE hn::Vec<ColumnTag<T>> widened(ColumnTag<T> d, const T* x) { return hn::LoadU(d, x); }
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
HWY_INLINE hn::Vec<F32s> widened(F32s d, const hwy::float16_t* x) { return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::float16_t, F32s>(), x)); }
#endif
HWY_INLINE hn::Vec<F32s> widened(F32s d, const hwy::bfloat16_t* x) {
  const hn::RebindToUnsigned<F32s> du;
  const hn::Rebind<uint16_t, F32s> half;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(half, reinterpret_cast<const uint16_t*>(x)))));
}
HWY_INLINE hn::Vec<F64s> widened(F64s d, const float* x) { return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, F64s>(), x)); }
HWY_INLINE hn::Vec<I64s> widened(I64s d, const int32_t* x) { return hn::PromoteTo(d, hn::LoadU(hn::Rebind<int32_t, I64s>(), x)); }
template <class T>
  requires(sizeof(T) < 4)
HWY_INLINE hn::Vec<I64s> widened(I64s d, const T* x) {
  return hn::PromoteTo(d, hn::PromoteTo(hn::Rebind<int32_t, I64s>(), hn::LoadU(hn::Rebind<T, I64s>(), x)));
}

template <Fold kFold, class D, class V>
HWY_INLINE V folded(D d, V t, V v, V m) {
  (void)d, (void)m;
  if constexpr (kFold == Fold::sum) return hn::Add(t, v);
  else if constexpr (kFold == Fold::numbers) return hn::IfThenElse(hn::IsNaN(v), t, hn::Add(t, v));
  else if constexpr (kFold == Fold::squares) return hn::MulAdd(hn::Sub(v, m), hn::Sub(v, m), t);
  else if constexpr (!hwy::IsFloat<hn::TFromD<D>>()) return kFold == Fold::maximum ? hn::Max(t, v) : hn::Min(t, v);
  else if constexpr (kFold == Fold::maximum) return hn::IfThenElse(hn::Or(hn::Gt(v, t), hn::IsNaN(v)), v, t);
  else return hn::IfThenElse(hn::Or(hn::Lt(v, t), hn::IsNaN(v)), v, t);
}

// Rows at a time: totals are then read and written once for so many.
constexpr size_t kRowsAtOnce = 8;

// A vector of columns of `count` <= kRowsAtOnce rows.
template <Fold kFold, class T, class S>
HWY_INLINE hn::Vec<ColumnTag<T>> fold_rows(ColumnTag<T> d, hn::Vec<ColumnTag<T>> t, const S* x, int64_t step, size_t count, const T* about) {
  const auto m = hn::LoadU(d, about);
  if (HWY_LIKELY(count == kRowsAtOnce)) {
    t = folded<kFold>(d, t, widened(d, x), m);
    t = folded<kFold>(d, t, widened(d, x + step), m);
    t = folded<kFold>(d, t, widened(d, x + 2 * step), m);
    t = folded<kFold>(d, t, widened(d, x + 3 * step), m);
    t = folded<kFold>(d, t, widened(d, x + 4 * step), m);
    t = folded<kFold>(d, t, widened(d, x + 5 * step), m);
    t = folded<kFold>(d, t, widened(d, x + 6 * step), m);
    return folded<kFold>(d, t, widened(d, x + 7 * step), m);
  }
  for (size_t r = 0; r < count; ++r, x += step) t = folded<kFold>(d, t, widened(d, x), m);
  return t;
}

// Columns that are no whole vector are the last ones of one that begins before: it is read before others write
// what it shares with them, the same totals.
template <Fold kFold, class T, class S>
void fold_columns(T* totals, const void* memory, int64_t step, size_t count, size_t n, const T* about) {
  const ColumnTag<T> d;
  const size_t lanes = hn::Lanes(d), last = n - lanes;
  const S* x = static_cast<const S*>(memory);
  for (size_t r = 0; r < count; r += kRowsAtOnce, x += static_cast<int64_t>(kRowsAtOnce) * step) {
    const size_t rows = count - r < kRowsAtOnce ? count - r : kRowsAtOnce;
    const auto end = fold_rows<kFold, T, S>(d, hn::LoadU(d, totals + last), x + last, step, rows, about + last);
    for (size_t i = 0; i < last; i += lanes)
      hn::StoreU(fold_rows<kFold, T, S>(d, hn::LoadU(d, totals + i), x + i, step, rows, about + i), d, totals + i);
    hn::StoreU(end, d, totals + last);
  }
}

template <class T, class S>
reduce::ColumnsFn<T> find_stored(Fold fold) {
  switch (fold) {
    case Fold::sum: return fold_columns<Fold::sum, T, S>;
    case Fold::maximum: return fold_columns<Fold::maximum, T, S>;
    case Fold::minimum: return fold_columns<Fold::minimum, T, S>;
    case Fold::squares:
      if constexpr (hwy::IsFloat<T>()) return fold_columns<Fold::squares, T, S>;
      return nullptr;
    case Fold::numbers:
      if constexpr (hwy::IsFloat<T>()) return fold_columns<Fold::numbers, T, S>;
      return nullptr;
    default: return nullptr;
  }
}

reduce::ColumnsFn<float> find_f32_columns(Fold fold, DType stored) {
  if (stored == DType::f32) return find_stored<float, float>(fold);
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  if (stored == DType::f16) return find_stored<float, hwy::float16_t>(fold);
#endif
  return stored == DType::bf16 ? find_stored<float, hwy::bfloat16_t>(fold) : nullptr;
}
reduce::ColumnsFn<double> find_f64_columns(Fold fold, DType stored) {
  if (stored == DType::f64) return find_stored<double, double>(fold);
  return stored == DType::f32 ? find_stored<double, float>(fold) : nullptr;
}
reduce::ColumnsFn<int64_t> find_i64_columns(Fold fold, DType stored) {
  if (stored == DType::i64) return find_stored<int64_t, int64_t>(fold);
  if (fold != Fold::sum) return nullptr;  // extremes are not widened so far
  switch (stored) {
    case DType::i32: return fold_columns<Fold::sum, int64_t, int32_t>;
    case DType::i16: return fold_columns<Fold::sum, int64_t, int16_t>;
    case DType::i8: return fold_columns<Fold::sum, int64_t, int8_t>;
    case DType::u8: return fold_columns<Fold::sum, int64_t, uint8_t>;
    default: return nullptr;
  }
}

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(find_f32_columns);
HWY_EXPORT(find_f64_columns);
HWY_EXPORT(find_i64_columns);
namespace reduce {
template <>
ColumnsFn<float> columns_fn(Fold f, DType t) { return HWY_DYNAMIC_DISPATCH(find_f32_columns)(f, t); }
template <>
ColumnsFn<double> columns_fn(Fold f, DType t) { return HWY_DYNAMIC_DISPATCH(find_f64_columns)(f, t); }
template <>
ColumnsFn<int64_t> columns_fn(Fold f, DType t) { return HWY_DYNAMIC_DISPATCH(find_i64_columns)(f, t); }
}  // namespace reduce
}  // namespace portfire
#endif
