// Whole numbers in the order of elements, for code that sorts and chooses: NaN is greater than every number and
// equal to itself, -0 is 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace portfire::index {

template <class T>
using Key = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

// keys[i] stands for x[i], the other way round where `descending`. Gives the least of them. One loop for each ISA.
// T: float, double, int64_t, int32_t, int8_t, uint8_t.
template <class T>
using KeysFn = Key<T> (*)(Key<T>* keys, const T* x, size_t n, bool descending);
template <class T>
KeysFn<T> keys_fn();

template <class K>
struct Item {
  K key;
  uint32_t index;
};

}  // namespace portfire::index
