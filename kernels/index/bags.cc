#include "kernels/index/bags.h"

#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/index/bags.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace bags {

using index::BagRows;
using index::Number;

// Elements of type E in memory as numbers of D.
template <class E, class D>
HWY_INLINE hn::Vec<D> load(D d, const E* from) {
  if constexpr (std::is_same_v<E, hn::TFromD<D>>) {
    return hn::LoadU(d, from);
  } else {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<E, D>(), from));
  }
}

constexpr size_t kAhead = 16;
HWY_INLINE void fetch(const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(static_cast<const char*>(from) + i);
}

template <bool kWeighted, class V>
HWY_INLINE V added(V total, V weight, V v) {
  return kWeighted ? hn::MulAdd(weight, v, total) : hn::Add(total, v);
}

// Columns from `c` on as far as there are kVectors vectors of them, in registers while the rows go by.
template <int kVectors, bool kWeighted, class E, class T, class D>
HWY_INLINE size_t sum_columns(D d, T* totals, const BagRows<T>& r, bool more, size_t c) {
  const size_t lanes = hn::Lanes(d);
  for (; c + kVectors * lanes <= r.columns; c += kVectors * lanes) {
    T* to = totals + c;
    const E* table = static_cast<const E*>(r.table) + c;
    auto t0 = more ? hn::LoadU(d, to) : hn::Zero(d), t1 = t0, t2 = t0, t3 = t0, w = t0;
    if (kVectors == 4 && more) t1 = hn::LoadU(d, to + lanes), t2 = hn::LoadU(d, to + 2 * lanes), t3 = hn::LoadU(d, to + 3 * lanes);
    for (size_t i = 0; i < r.count; ++i) {
      const E* from = table + r.numbers[i] * r.stride;
      if (kVectors == 4 && i + kAhead < r.known) fetch(table + r.numbers[i + kAhead] * r.stride, 4 * lanes * sizeof(E));
      if constexpr (kWeighted) w = hn::Set(d, r.weights[i]);
      t0 = added<kWeighted>(t0, w, load(d, from));
      if constexpr (kVectors == 4) {
        t1 = added<kWeighted>(t1, w, load(d, from + lanes));
        t2 = added<kWeighted>(t2, w, load(d, from + 2 * lanes));
        t3 = added<kWeighted>(t3, w, load(d, from + 3 * lanes));
      }
    }
    hn::StoreU(t0, d, to);
    if constexpr (kVectors == 4) hn::StoreU(t1, d, to + lanes), hn::StoreU(t2, d, to + 2 * lanes), hn::StoreU(t3, d, to + 3 * lanes);
  }
  return c;
}
template <bool kWeighted, class E, class T>
HWY_INLINE void sum_rows(T* totals, const BagRows<T>& r, bool more) {
  const hn::ScalableTag<T> d;
  size_t c = sum_columns<4, kWeighted, E>(d, totals, r, more, 0);
  c = sum_columns<1, kWeighted, E>(d, totals, r, more, c);
  sum_columns<1, kWeighted, E>(hn::CappedTag<T, 1>(), totals, r, more, c);
}
template <class E, class T>
void sum(T* totals, const BagRows<T>& r, bool more) {
  r.weights ? sum_rows<true, E>(totals, r, more) : sum_rows<false, E>(totals, r, more);
}

template <class E, class T, class D>
HWY_INLINE size_t maximum_columns(D d, T* greatest, Number<T>* from, const BagRows<T>& r, bool more, size_t c) {
  const hn::RebindToSigned<D> di;
  for (const size_t lanes = hn::Lanes(d); c + lanes <= r.columns; c += lanes) {
    const E* row = static_cast<const E*>(r.table) + c;
    auto best = more ? hn::LoadU(d, greatest + c) : load(d, row + r.numbers[0] * r.stride);
    auto at = more ? hn::LoadU(di, from + c) : hn::Set(di, static_cast<Number<T>>(r.numbers[0]));
    for (size_t i = 0; i < r.count; ++i) {
      const auto v = load(d, row + r.numbers[i] * r.stride);
      const auto takes = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
      best = hn::IfThenElse(takes, v, best);
      at = hn::IfThenElse(hn::RebindMask(di, takes), hn::Set(di, static_cast<Number<T>>(r.numbers[i])), at);
    }
    hn::StoreU(best, d, greatest + c);
    hn::StoreU(at, di, from + c);
  }
  return c;
}
template <class E, class T>
void maximum(T* greatest, Number<T>* from, const BagRows<T>& r, bool more) {
  const size_t c = maximum_columns<E>(hn::ScalableTag<T>(), greatest, from, r, more, 0);
  maximum_columns<E>(hn::CappedTag<T, 1>(), greatest, from, r, more, c);
}

}  // namespace bags

index::BagFunctions<float> bags_f32(DType table) {
  if (table == DType::f32) return {bags::sum<float, float>, bags::maximum<float, float>};
  if (table == DType::bf16) return {bags::sum<hwy::bfloat16_t, float>, bags::maximum<hwy::bfloat16_t, float>};
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  if (table == DType::f16) return {bags::sum<hwy::float16_t, float>, bags::maximum<hwy::float16_t, float>};
#endif
  return {};
}
index::BagFunctions<double> bags_f64(DType) { return {bags::sum<double, double>, bags::maximum<double, double>}; }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(bags_f32);
HWY_EXPORT(bags_f64);
namespace index {
template <>
BagFunctions<float> bag_functions(DType table) { return HWY_DYNAMIC_DISPATCH(bags_f32)(table); }
template <>
BagFunctions<double> bag_functions(DType table) { return HWY_DYNAMIC_DISPATCH(bags_f64)(table); }
}  // namespace index
}  // namespace portfire
#endif
