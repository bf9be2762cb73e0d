#include "kernels/gemm/distance.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/distance_tile.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace distances {

using gemm::DistanceTile;
using gemm::Norm;

template <class T>
using Tag = hn::CappedTag<T, 64 / sizeof(T)>;
template <class T>
using Vec = hn::Vec<Tag<T>>;

// `total` joined with |difference|.
template <class T, Norm kNorm>
HWY_INLINE Vec<T> step(Tag<T> d, Vec<T> total, Vec<T> difference, int power) {
  (void)power;
  if constexpr (kNorm == Norm::two) {
    return hn::MulAdd(difference, difference, total);
  } else {
    const Vec<T> size = hn::Abs(difference);
    if constexpr (kNorm == Norm::one) return hn::Add(total, size);
    if constexpr (kNorm == Norm::power) {
      Vec<T> product = hn::Set(d, T(1)), square = size;
      for (; power > 1; power >>= 1) {
        if (power % 2) product = hn::Mul(product, square);
        square = hn::Mul(square, square);
      }
      return hn::MulAdd(product, square, total);
    }
    if constexpr (kNorm == Norm::zero) return hn::Add(total, hn::IfThenZeroElse(hn::Eq(size, hn::Zero(d)), hn::Set(d, T(1))));
    return hn::IfThenElse(hn::Or(hn::Gt(size, total), hn::IsNaN(size)), size, total);  // NaN goes through
  }
}

// Four rows at a time: each sum would wait for its addition before the next.
template <class T, Norm kNorm>
void tile(const DistanceTile<T>& t) {
  const Tag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t column = 0; column < gemm::kDistances<T>; column += lanes) {
    const T* y = t.panel + column;
    Vec<T> s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    for (int64_t k = 0; k < t.k; ++k, y += gemm::kDistances<T>) {
      const Vec<T> v = hn::LoadU(d, y);
      s0 = step<T, kNorm>(d, s0, hn::Sub(hn::Set(d, t.rows[0][k]), v), t.power);
      s1 = step<T, kNorm>(d, s1, hn::Sub(hn::Set(d, t.rows[1][k]), v), t.power);
      s2 = step<T, kNorm>(d, s2, hn::Sub(hn::Set(d, t.rows[2][k]), v), t.power);
      s3 = step<T, kNorm>(d, s3, hn::Sub(hn::Set(d, t.rows[3][k]), v), t.power);
    }
    if constexpr (kNorm == Norm::two) {
      s0 = hn::Sqrt(s0);
      s1 = hn::Sqrt(s1);
      s2 = hn::Sqrt(s2);
      s3 = hn::Sqrt(s3);
    }
    hn::StoreU(s0, d, t.out + column);
    hn::StoreU(s1, d, t.out + gemm::kDistances<T> + column);
    hn::StoreU(s2, d, t.out + 2 * gemm::kDistances<T> + column);
    hn::StoreU(s3, d, t.out + 3 * gemm::kDistances<T> + column);
  }
}

template <class T>
gemm::DistanceFn<T> find(Norm norm) {
  switch (norm) {
    case Norm::zero: return tile<T, Norm::zero>;
    case Norm::one: return tile<T, Norm::one>;
    case Norm::two: return tile<T, Norm::two>;
    case Norm::power: return sizeof(T) == 8 ? tile<T, Norm::power> : nullptr;
    case Norm::most: return tile<T, Norm::most>;
  }
  return nullptr;
}

}  // namespace distances

gemm::DistanceFn<float> distance_f32(gemm::Norm norm) { return distances::find<float>(norm); }
gemm::DistanceFn<double> distance_f64(gemm::Norm norm) { return distances::find<double>(norm); }

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(distance_f32);
HWY_EXPORT(distance_f64);
namespace gemm {
template <>
DistanceFn<float> distance_fn(Norm norm) { return HWY_DYNAMIC_DISPATCH(distance_f32)(norm); }
template <>
DistanceFn<double> distance_fn(Norm norm) { return HWY_DYNAMIC_DISPATCH(distance_f64)(norm); }
}  // namespace gemm
}  // namespace portfire
#endif
