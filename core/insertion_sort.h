// A stable sort without working memory, for the dimensions of a tensor (std::stable_sort takes some from the heap).
#pragma once

#include <utility>

namespace portfire {

template <class T, class Less>
void insertion_sort(T* first, T* last, Less less) {
  for (T* i = first; i != last; ++i)
    for (T* j = i; j != first && less(*j, *(j - 1)); --j) std::swap(*j, *(j - 1));
}

}  // namespace portfire
