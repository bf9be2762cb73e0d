// The loops of reductions, for each ISA: a run of elements folded into one, and a run of elements
// folded into as many totals, side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace portfire::reduce {

// squares: sum of (x - about)^2; numbers: sum of what is not NaN. NaN goes through maxima and minima.
enum class Fold : uint8_t { sum, squares, numbers, product, maximum, minimum };

// What totals of T are kept in beyond a strip.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;

// T: float, double, int64_t, and int32_t and uint8_t, which have only maximum and minimum.
template <class T>
struct Functions {
  Wide<T> (*row)(const T* x, size_t n, T about);
  // Of `count` rows that begin `step` elements after each other, about 0.
  void (*rows)(const T* x, int64_t step, size_t count, size_t n, Wide<T>* totals);
  // totals[i] = fold(totals[i], x[i]); about[i] goes with it. Runs on to the next multiple of 64.
  void (*column)(T* totals, const T* x, size_t n, const T* about);
};
// Null where there is none.
template <class T>
Functions<T> functions(Fold fold);

// Inlined into the loops of each ISA: the linker must find no copy to choose from.
template <class T>
[[gnu::always_inline]] constexpr T start_of(Fold fold) {
  using Limits = std::numeric_limits<T>;
  switch (fold) {
    case Fold::product: return 1;
    case Fold::maximum: return Limits::has_infinity ? -Limits::infinity() : Limits::min();
    case Fold::minimum: return Limits::has_infinity ? Limits::infinity() : Limits::max();
    default: return 0;
  }
}

// Two totals become one. Integers wrap.
template <class T>
[[gnu::always_inline]] constexpr T join(Fold fold, T a, T b) {
  using U = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;
  switch (fold) {
    case Fold::product: return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
    case Fold::maximum: return (b > a) | (b != b) ? b : a;
    case Fold::minimum: return (b < a) | (b != b) ? b : a;
    default: return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
  }
}

}  // namespace portfire::reduce
