#include "core/dtype.h"

namespace portfire {
namespace {

int category(DType t) {
  return t == DType::boolean ? 0 : is_integral(t) ? 1 : is_floating(t) ? 2 : 3;
}

DType promote_integers(DType a, DType b) {
  if (is_unsigned(a) == is_unsigned(b)) return byte_size(a) >= byte_size(b) ? a : b;
  const DType u = is_unsigned(a) ? a : b, s = is_unsigned(a) ? b : a;
  if (byte_size(s) > byte_size(u)) return s;
  switch (byte_size(u)) {
    case 1: return DType::i16;
    case 2: return DType::i32;
    default: return DType::i64;
  }
}

}  // namespace

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (category(a) != category(b)) {
    const DType high = category(a) > category(b) ? a : b, low = category(a) > category(b) ? b : a;
    return high == DType::c64 && low == DType::f64 ? DType::c128 : high;
  }
  if (category(a) == 1) return promote_integers(a, b);
  if (byte_size(a) == byte_size(b)) return DType::f32;  // f16 with bf16
  return byte_size(a) > byte_size(b) ? a : b;
}

}  // namespace portfire
