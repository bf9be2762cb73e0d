// What operators ask of element types.
#pragma once

#include "portfire/dtype.h"

namespace portfire {

constexpr bool is_complex(DType t) { return t == DType::c64 || t == DType::c128; }
constexpr bool is_floating(DType t) {
  return t == DType::f16 || t == DType::bf16 || t == DType::f32 || t == DType::f64;
}
constexpr bool is_integral(DType t) {  // bool is not counted
  return !is_floating(t) && !is_complex(t) && t != DType::boolean;
}
constexpr bool is_unsigned(DType t) {
  return t == DType::u8 || t == DType::u16 || t == DType::u32 || t == DType::u64;
}
// The real type of a complex one (c64 -> f32); other types answer themselves.
constexpr DType real_of(DType t) {
  return t == DType::c64 ? DType::f32 : t == DType::c128 ? DType::f64 : t;
}
constexpr DType complex_of(DType t) {
  return t == DType::f64 || t == DType::c128 ? DType::c128 : DType::c64;
}

// c10::promoteTypes: the smallest type both convert to, by PyTorch's lattice
// (bool < integers < floating < complex; f16 with bf16 gives f32; u8 with a signed type gives the
// next signed type that holds both).
DType promote(DType a, DType b);

}  // namespace portfire
