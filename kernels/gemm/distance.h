// Distances of rows, for each ISA: as a product's tile, with differences in the place of factors.
#pragma once

#include <cstdint>

namespace portfire::gemm {

// power: p is whole, in f64 only, whose range is enough for it; the sum, of which the root is to be taken. most: p
// is infinite.
enum class Norm : uint8_t { zero, one, two, power, most };

template <class T>
inline constexpr int64_t kDistances = 64 / sizeof(T);  // columns of a panel

// Four rows (some may be the same) against the kDistances rows of a panel, element k of row j at
// panel[k * kDistances + j]. out: 4 x kDistances.
template <class T>
struct DistanceTile {
  const T* rows[4];
  const T* panel;
  int64_t k;
  T* out;
  int power = 0;
};
template <class T>
using DistanceFn = void (*)(const DistanceTile<T>& t);
template <class T>
DistanceFn<T> distance_fn(Norm norm);

}  // namespace portfire::gemm
