// Sorting a few dimensions without the heap, which std::stable_sort may use.
#pragma once

namespace portfire {

// Equal items keep their order.
template <class T, class Before>
void insertion_sort(T* items, int count, Before before) {
  for (int i = 1; i < count; ++i) {
    const T item = items[i];
    int at = i;
    for (; at > 0 && before(item, items[at - 1]); --at) items[at] = items[at - 1];
    items[at] = item;
  }
}

}  // namespace portfire
