#include "kernels/index/range.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/index/range.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {

// Without a branch for each: the highest bit tells that one is less or more.
#define PF_ARE_BELOW(name, I)                                                              \
  bool name(const I* numbers, int64_t n, int64_t limit) {                                  \
    uint64_t bits = 0;                                                                     \
    for (int64_t j = 0; j < n; ++j) {                                                      \
      const auto number = static_cast<uint64_t>(int64_t{numbers[j]});                      \
      bits |= number | (static_cast<uint64_t>(limit - 1) - number);                        \
    }                                                                                      \
    return bits >> 63 == 0;                                                                \
  }
PF_ARE_BELOW(are_below_i64, int64_t)
PF_ARE_BELOW(are_below_i32, int32_t)

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace portfire {
HWY_EXPORT(are_below_i64);
HWY_EXPORT(are_below_i32);
bool index::all_below(const int64_t* numbers, int64_t n, int64_t limit) { return HWY_DYNAMIC_DISPATCH(are_below_i64)(numbers, n, limit); }
bool index::all_below(const int32_t* numbers, int64_t n, int64_t limit) { return HWY_DYNAMIC_DISPATCH(are_below_i32)(numbers, n, limit); }
}  // namespace portfire
#endif
