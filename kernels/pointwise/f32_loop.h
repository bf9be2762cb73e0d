// The loop around an expression of f32 vectors. Included once for each ISA.
#if defined(PORTFIRE_F32_LOOP_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PORTFIRE_F32_LOOP_H_
#undef PORTFIRE_F32_LOOP_H_
#else
#define PORTFIRE_F32_LOOP_H_
#endif

#include <hwy/highway.h>

#include "kernels/pointwise/steps.h"

HWY_BEFORE_NAMESPACE();
namespace portfire::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// At most 16 lanes: strips are padded to that.
using F32Tag = hn::CappedTag<float, 16>;
using F32Vec = hn::Vec<F32Tag>;

#ifndef PF_F32_UNARY
#define PF_F32_UNARY(name, ...)                                        \
  void f32_##name(const pointwise::StepCall& c, size_t n) {            \
    const F32Tag d;                                                    \
    const float* a = static_cast<const float*>(c.in[0]);               \
    float* out = static_cast<float*>(c.out);                           \
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {                     \
      const F32Vec x = hn::LoadU(d, a + i);                            \
      hn::StoreU(__VA_ARGS__, d, out + i);                             \
    }                                                                  \
  }
#define PF_F32_BINARY(name, ...)                                       \
  void f32_##name(const pointwise::StepCall& c, size_t n) {            \
    const F32Tag d;                                                    \
    const float* a = static_cast<const float*>(c.in[0]);               \
    const float* b = static_cast<const float*>(c.in[1]);               \
    float* out = static_cast<float*>(c.out);                           \
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {                     \
      const F32Vec x = hn::LoadU(d, a + i), y = hn::LoadU(d, b + i);   \
      hn::StoreU(__VA_ARGS__, d, out + i);                             \
    }                                                                  \
  }
#define PF_F32_FIND(fn, ...) \
  if (op.name == #fn) return &f32_##fn;
#endif

}  // namespace portfire::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
